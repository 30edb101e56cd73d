import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { parseUuid } from '../../../ground/id.ts';
import type { Description } from '../../../http/openapi/describe.ts';
import { baseUrl } from '../../../http/server/server.ts';
import { sendJson } from '../../../http/validate/json-body.ts';
import { pageLinks, pageLinksSchema, pageSize } from '../../../http/validate/page.ts';
import { readQuery } from '../../../http/validate/query.ts';
import { findNotifications } from '../store.ts';
import type { NotificationRouteDeps } from './routes.ts';
import { notification } from './schemas.ts';
import { showNotification } from './show.ts';

/** What a status filter that is no status of ours stands for (spec 01, section 3.8). */
const groups: Readonly<Record<string, readonly string[]>> = {
  failed: [
    ...['technical-failure', 'temporary-failure', 'permanent-failure', 'validation-failed'],
    ...['virus-scan-failed', 'returned-letter'],
  ],
  accepted: ['created', 'sending'],
  received: ['delivered'],
};

const oneOf = (values: readonly string[]) => Type.Unsafe<string>({ type: 'string', enum: values });
const statuses = [
  ...['cancelled', 'created', 'sending', 'sent', 'delivered', 'pending', 'failed', 'technical-failure'],
  ...['temporary-failure', 'permanent-failure', 'pending-virus-check', 'validation-failed'],
  ...['virus-scan-failed', 'returned-letter', 'accepted', 'received'],
];

/** Query of `GET /v2/notifications`; the order of the properties is the order of the errors (spec 01, section 3.8). */
const listQuery = Type.Object(
  {
    reference: Type.Optional(Type.String({ description: 'Your own name for the messages.' })),
    status: Type.Optional(
      Type.Array(oneOf(statuses), {
        description:
          '`failed` stands for every kind of failure, `accepted` for `created` and `sending`, `received` for `delivered`.',
      }),
    ),
    template_type: Type.Optional(Type.Array(oneOf(['sms', 'email', 'letter']))),
    include_jobs: Type.Optional(
      Type.Unsafe<string>({
        type: 'string',
        enum: ['true', 'True'],
        description: 'Also messages that were sent from a file of recipients.',
      }),
    ),
    older_than: Type.Optional(
      Type.String({ format: 'uuid', description: 'Only messages from before the one with this `id`.' }),
    ),
  },
  { additionalProperties: false },
);

const describe: Description = {
  summary: 'Read many messages',
  description: `The messages that were sent with keys of the same type as yours, newest first, at most ${pageSize} to a page. Follow \`links.next\` until a page is empty.`,
  tag: 'Reading',
  authentication: 'api key',
  query: listQuery,
  client: 'getNotifications()',
  responses: {
    200: {
      description: 'A page of messages.',
      schema: Type.Object({ notifications: Type.Array(notification), links: pageLinksSchema }),
    },
    400: { description: 'A parameter has no such value, or there is no such parameter.' },
  },
};

/** `GET /v2/notifications`. Needs `requireKey` before it. */
export function notificationListRoute(app: FastifyInstance, deps: NotificationRouteDeps): void {
  app.get(
    '/v2/notifications',
    { config: { handler: 'v2_notifications.get_notifications', describe } },
    async (request, reply) => {
      const { document, parameters } = readQuery<Static<typeof listQuery>>(listQuery, request);
      const { service, key } = request.caller;
      const { reference = null, status, template_type: types = null, older_than } = document;
      const base = baseUrl(request, deps.publicUrl);
      // No text column can hold the null character, so no message has such a reference.
      const isImpossible = reference?.includes('\0') ?? false;
      const found = isImpossible
        ? []
        : await findNotifications(
            deps,
            deps.db,
            {
              serviceId: service.id,
              keyType: key.keyType,
              jobs: document.include_jobs !== undefined,
              types,
              statuses: status ? status.flatMap((one) => groups[one] ?? one) : null,
              reference,
              olderThan: older_than === undefined ? null : parseUuid(older_than),
            },
            pageSize,
          );
      const notifications = await Promise.all(found.map((one) => showNotification(deps, one, base)));
      return sendJson(reply, {
        notifications,
        links: pageLinks(`${base}/v2/notifications`, parameters, found.at(-1)?.id),
      });
    },
  );
}
