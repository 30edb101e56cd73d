import { setOperator } from '../tenant/user/routes.ts';
import { ask, askAll, changesIn, userNamed, yesOrNo } from './ask.ts';
import type { Given, Noun } from './noun.ts';
import { readPassword } from './password.ts';

/** The field of the API for where sign-in codes go; the API says what else than sms or email it does not take. */
function authTypeIn({ options }: Given): string | undefined {
  const given = options['sign-in-codes'];
  return given === undefined ? undefined : `${given}_auth`;
}

/** People (spec 04, section 3). */
export const noun: Noun = {
  name: 'user',
  summary: 'people who manage services',
  columns: ['id', 'name', 'email_address', 'state', 'platform_admin', 'logged_in_at', 'created_at'],
  actions: {
    list: {
      usage: '[--search <part of name or address>]',
      summary: 'Lists people, those added last first.',
      async run(call, { options }) {
        const search = options['search'];
        return {
          data: await askAll(
            call,
            `/user${search === undefined ? '' : `?search=${encodeURIComponent(search)}`}`,
          ),
        };
      },
    },
    show: {
      usage: '<person>',
      summary: 'Shows a person.',
      run: async (call, { plain }) => ({ data: await userNamed(call, plain[0]!) }),
    },
    create: {
      usage:
        '--name <name> --email <address> [--phone <number>] [--sign-in-codes <sms or email>] [--operator] [--password-stdin]',
      summary:
        'Adds a person, who can sign in at once; asks for the password. --operator: of the platform, who may do everything.',
      async run(call, given, local) {
        const { options } = given;
        const phone = options['phone'];
        const { data } = await ask(call, 'POST', '/user', {
          name: options['name'],
          email_address: options['email'],
          auth_type: authTypeIn(given) ?? (phone === undefined ? 'email_auth' : 'sms_auth'),
          ...(phone !== undefined && { mobile_number: phone }),
          password: await readPassword(options['password-stdin'] !== undefined),
          state: 'active',
        });
        if (!options['operator']) return { data };
        await setOperator(local, data.id, true);
        return await ask(call, 'GET', `/user/${data.id}`);
      },
    },
    change: {
      usage:
        '<person> [--name <name>] [--email <address>] [--phone <number or none>] [--sign-in-codes <sms or email>] [--operator <yes or no>]',
      summary: 'Changes what is named. Only this command makes somebody an operator of the platform.',
      async run(call, given, local) {
        const { options, plain } = given;
        const operator = yesOrNo('operator', options['operator']);
        const phone = options['phone'];
        const fields = {
          name: options['name'],
          email_address: options['email'],
          mobile_number: phone === 'none' ? null : phone,
          auth_type: authTypeIn(given),
        };
        changesIn({ ...fields, operator });
        const { id } = await userNamed(call, plain[0]!);
        if (Object.values(fields).some((value) => value !== undefined))
          await ask(call, 'POST', `/user/${id}`, changesIn(fields));
        if (operator !== undefined) await setOperator(local, id, operator);
        return await ask(call, 'GET', `/user/${id}`);
      },
    },
    password: {
      usage: '<person> [--password-stdin]',
      summary: 'Asks for a new password. All sessions of the person end.',
      async run(call, { options, plain }) {
        const { id } = await userNamed(call, plain[0]!);
        const password = await readPassword(options['password-stdin'] !== undefined);
        return await ask(call, 'POST', `/user/${id}/update-password`, { _password: password });
      },
    },
    'sign-in-link': {
      usage: '<person>',
      summary: 'Prints a link that signs a person in, once and within 15 minutes. It is sent to nobody.',
      async run(call, { plain }) {
        const { id } = await userNamed(call, plain[0]!);
        const { data } = await ask<{ data: { url: string } }>(call, 'POST', `/user/${id}/sign-in-link`);
        return { data, text: data.url };
      },
    },
    unlock: {
      usage: '<person>',
      summary: 'Lets a person try to sign in again after too many wrong passwords or codes.',
      async run(call, { plain }) {
        const { id } = await userNamed(call, plain[0]!);
        return await ask(call, 'POST', `/user/${id}/reset-failed-login-count`);
      },
    },
    end: {
      usage: '<person>',
      summary: 'Archives a person for good, who leaves every team and can never sign in again.',
      async run(call, { plain }) {
        const { id } = await userNamed(call, plain[0]!);
        await ask(call, 'POST', `/user/${id}/archive`);
        return await ask(call, 'GET', `/user/${id}`);
      },
    },
  },
};
