import { platformUserId } from '../tenant/user/store.ts';
import type { AdminCall } from './admin-call.ts';
import { ask, askAll, changesIn, type Item, isId, serviceNamed, theOne, yesOrNo } from './ask.ts';
import type { Given, Noun } from './noun.ts';
import { readFileOf, splitSubject } from './template-file.ts';
import { templateFileActions } from './template-files/actions.ts';

/** The path and the template that the arguments name. */
/** The template of a service that an argument names. */
export async function templateNamed(call: AdminCall, { options, plain }: Given) {
  const { id: serviceId } = await serviceNamed(call, options['service']!);
  const path = `/service/${serviceId}/template`;
  const text = plain[0]!;
  const { status, body } = isId(text) ? await call('GET', `${path}/${text}`) : { status: 404, body: null };
  const template =
    status === 200
      ? (body as { data: Item }).data
      : theOne('template', text, await askAll(call, path), ({ name }) => [name]);
  return { path: `${path}/${template.id}`, template };
}

/** What the options say of a template; what is left out is undefined. An email's subject may be in the file. */
function templateIn({ options }: Given, type: string | undefined) {
  const isPriority = yesOrNo('priority', options['priority']);
  const file = options['file'];
  const written =
    file === undefined ? null : splitSubject(type, readFileOf('file', file), options['subject']);
  return {
    name: options['name'],
    subject: written?.subject ?? options['subject'],
    content: written?.content,
    process_type: isPriority === undefined ? undefined : isPriority ? 'priority' : 'normal',
  };
}

/** Templates in the database (spec 04, section 5), also as files; template.ts renders one without a database. */
export const noun: Noun = {
  name: 'template',
  summary: 'what services send, with placeholders',
  columns: ['id', 'name', 'template_type', 'version', 'process_type', 'updated_at', 'created_at'],
  actions: {
    list: {
      usage: '--service <service>',
      summary: 'Lists the templates of a service, newest first.',
      async run(call, { options }) {
        const { id } = await serviceNamed(call, options['service']!);
        return { data: await askAll(call, `/service/${id}/template`) };
      },
    },
    show: {
      usage: '<template> --service <service>',
      summary: 'Shows a template as it is now.',
      run: async (call, given) => ({ data: (await templateNamed(call, given)).template }),
    },
    create: {
      usage:
        '--service <service> --type <sms or email> --name <name> --file <file> [--subject <subject>] [--priority <yes or no>]',
      summary: 'Makes a template. An email’s subject may be the file’s first line: Subject: …',
      async run(call, given) {
        const type = given.options['type'];
        const fields = changesIn(templateIn(given, type));
        const { id } = await serviceNamed(call, given.options['service']!);
        const body = { ...fields, template_type: type, created_by: platformUserId };
        return await ask(call, 'POST', `/service/${id}/template`, body);
      },
    },
    change: {
      usage:
        '<template> --service <service> [--name <name>] [--file <file>] [--subject <subject>] [--priority <yes or no>]',
      summary: 'Changes what is named, as a new version.',
      async run(call, given) {
        changesIn(templateIn(given, undefined));
        const { path, template } = await templateNamed(call, given);
        return await ask(call, 'POST', path, changesIn(templateIn(given, String(template['template_type']))));
      },
    },
    end: {
      usage: '<template> --service <service>',
      summary: 'Deletes a template: nothing can be sent with it any more.',
      async run(call, given) {
        const { path } = await templateNamed(call, given);
        return await ask(call, 'POST', path, { archived: true, created_by: platformUserId });
      },
    },
    ...templateFileActions,
  },
};
