import { type Static, Type } from 'typebox';
import { postalAddressProblem } from '../../../content/recipient/postal-address.ts';
import { valueText } from '../../../content/template/personalisation.ts';
import { parseUuid } from '../../../ground/id.ts';
import { badRequest, invalid, Problem } from '../../../ground/problem.ts';
import { faultsOf } from '../../../http/validate/fault-texts.ts';
import { type AcceptDeps, readReference, type Sending } from '../prepare.ts';

/** A letter from a template; the order of the properties is the order of the errors (spec 01, section 3.5). */
const templatedRequest = Type.Object(
  {
    reference: Type.Optional(Type.String({ maxLength: 1000 })),
    template_id: Type.String({ format: 'uuid' }),
    personalisation: Type.Unsafe<Record<string, unknown>>({ type: 'object' }),
  },
  { additionalProperties: false },
);

/** A letter that comes as a PDF (spec 01, section 3.5). */
const precompiledRequest = Type.Object(
  {
    reference: Type.String(),
    content: Type.String({ description: 'A PDF in base64.' }),
    postage: Type.Optional(
      Type.String({ format: 'postage', description: '`first`, `second` or `economy`; `second` without it.' }),
    ),
  },
  { additionalProperties: false },
);

/** Body of `POST /v2/notifications/letter`. */
export const letterRequest = Type.Union([templatedRequest, precompiledRequest]);

const postages = ['first', 'second', 'economy'];
const formats = {
  postage: (text: string) =>
    postages.includes(text) ? null : 'invalid. It must be either first, second or economy.',
};

/**
 * Refuses a letter, with the first fault in the order of spec 01 section 4.3 from step 6. No service has the permission;
 * for one that was given it by hand every further check is made, and then that letters are not sent is what is said.
 */
export async function refuseLetter(deps: AcceptDeps, caller: Sending, document: unknown): Promise<never> {
  const isPrecompiled =
    typeof document === 'object' && document !== null && Object.hasOwn(document, 'content');
  const faults = faultsOf(isPrecompiled ? precompiledRequest : templatedRequest, document, formats);
  if (faults.length > 0) throw invalid(faults);
  readReference((document as { reference?: string }).reference);
  const { service, key } = caller;
  if (!service.permissions.has('letter')) throw badRequest('Service is not allowed to send letters');
  if (!isPrecompiled)
    await refuseTemplate(deps, caller, (document as Static<typeof templatedRequest>).template_id);
  if (key.keyType === 'team') throw forbidden('Cannot send letters with a team api key');
  if (service.restricted && key.keyType !== 'test')
    throw forbidden('Cannot send letters when service is in trial mode');
  if (isPrecompiled) refuseContent((document as Static<typeof precompiledRequest>).content);
  else refuseAddress((document as Static<typeof templatedRequest>).personalisation);
  throw badRequest('Letters cannot be sent: this platform sends text messages and emails only');
}

/** A template that is there is of another type; that there is none says nothing, as none of a letter can be stored. */
async function refuseTemplate({ templates }: AcceptDeps, { service }: Sending, id: string): Promise<void> {
  const template = await templates.templates.get(parseUuid(id) ?? id);
  if (template && template.serviceId === service.id && !template.hidden)
    throw badRequest(`${template.type} template is not suitable for letter notification`);
}

const firstLines = [1, 2, 3, 4, 5, 6].map((number) => `address_line_${number}`);

/** Only these spellings count here, unlike those of other placeholders (spec 01, section 3.5). */
function refuseAddress(personalisation: Readonly<Record<string, unknown>>): void {
  const lineOf = (name: string) => {
    const value = Object.hasOwn(personalisation, name) ? personalisation[name] : null;
    return value === null ? '' : valueText(value);
  };
  const last = lineOf('address_line_7').trim() === '' ? 'postcode' : 'address_line_7';
  // Letters to other countries would be a permission of their own.
  const fault = postalAddressProblem([...firstLines, last].map(lineOf), { international: false });
  if (fault !== null) throw invalid([fault]);
}

function refuseContent(content: string): void {
  const text = content.replace(/\s+/g, '');
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    throw badRequest('Cannot decode letter content (invalid base64 encoding)');
}

function forbidden(message: string): Problem {
  return new Problem(403, [{ error: 'BadRequestError', message }]);
}
