import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { normaliseKey } from '../content/template/personalisation.ts';
import { platformFaults } from '../content/template/platform-template.ts';
import { platformTemplateIds, requiredPlaceholders } from '../tenant/user/platform-message.ts';
import { platformTemplates } from './platform-service.ts';

const read = (name: string) => readFileSync(join(import.meta.dirname, '../../docs/spec', name), 'utf8');

/** What the specification calls each template: in the list of ids, and in the table of placeholders. */
const names: Readonly<Record<keyof typeof platformTemplateIds, readonly [ofId: string, setting: string]>> = {
  invitation: ['invitation', 'INVITATION_EMAIL_TEMPLATE_ID'],
  smsCode: ['sms code', 'SMS_CODE_TEMPLATE_ID'],
  emailCode: ['email code', 'EMAIL_2FA_TEMPLATE_ID'],
  emailVerification: ['email verify', 'EMAIL_VERIFY_CODE_TEMPLATE_ID'],
  passwordReset: ['password reset', 'PASSWORD_RESET_TEMPLATE_ID'],
  alreadyRegistered: ['already registered', 'ALREADY_REGISTERED_EMAIL_TEMPLATE_ID'],
  changeOfEmail: ['change email', 'CHANGE_EMAIL_CONFIRMATION_TEMPLATE_ID'],
  serviceIsLive: ['service now live', 'SERVICE_NOW_LIVE_TEMPLATE_ID'],
  emailChangedByOther: ['team member edit email', 'TEAM_MEMBER_EDIT_EMAIL_TEMPLATE_ID'],
  mobileChangedByOther: ['team member edit mobile', 'TEAM_MEMBER_EDIT_MOBILE_TEMPLATE_ID'],
  costAlert: ['cost alert', 'COST_ALERT_TEMPLATE_ID'],
  replyToVerification: ['reply-to verification', 'REPLY_TO_EMAIL_ADDRESS_VERIFICATION_TEMPLATE_ID'],
};

describe('the templates of the platform itself', () => {
  test('have the ids of the specification', () => {
    const row = /^\| Template ids \| (.*) \|$/m.exec(read('06-operations.md'))![1]!;
    const ids = Object.fromEntries(
      row.split(', ').map((entry) => {
        const [, name, id] = /^(.*) `([0-9a-f-]{36})`$/.exec(entry)!;
        return [name, id];
      }),
    );
    const ours = Object.entries(platformTemplateIds).map(([key, id]) => [
      names[key as keyof typeof names][0],
      id,
    ]);
    assert.deepEqual(ids, Object.fromEntries(ours));
  });

  test('have the types and the required placeholders of the specification', () => {
    const section = read('04-admin-api.md').split('### 4.2 ')[1]!.split('### 4.3 ')[0]!;
    for (const [key, id] of Object.entries(platformTemplateIds)) {
      const [, setting] = names[key as keyof typeof names];
      const row = new RegExp(`^\\| (?:today: )?\`${setting}\`[^|]*\\| (\\w+) \\| ([^|]*) \\|`, 'm').exec(
        section,
      );
      assert.ok(row, setting);
      const [, type, cell] = row;
      // Remarks in brackets, and the subject of the invitation, are no names.
      const words = cell!.replace(/\([^)]*\)/g, '').replace(/;.*/, '');
      const wanted = [...words.matchAll(/`([^`]+)`/g)].map(([, name]) => normaliseKey(name!));
      assert.deepEqual(requiredPlaceholders.get(id)!.map(normaliseKey).sort(), wanted.sort(), setting);
      assert.equal(platformTemplates.find((template) => template.id === id)?.type, type, setting);
    }
  });

  test('have texts that their messages can fill, with every required placeholder', () => {
    assert.deepEqual(platformTemplates.map(({ id }) => id).sort(), Object.values(platformTemplateIds).sort());
    for (const { id, name, subject, content } of platformTemplates)
      assert.deepEqual(platformFaults(id, { subject, content }), [], name);
  });

  test('are refused without a required placeholder, or with one that has no value', () => {
    const { smsCode, invitation } = platformTemplateIds;
    const cases: [id: string, subject: string | null, content: string, faults: string[]][] = [
      [smsCode, null, 'Hi ((name)): ((Verify Code))', []],
      [smsCode, null, 'Your code', ['Must have the placeholders ((verify_code))']],
      [smsCode, null, '((verify_code??a code))', ['Must have the placeholders ((verify_code))']],
      [
        smsCode,
        null,
        '((verify_code)) ((colour??red))',
        ['Must not have the placeholders ((colour)): there is no value for them in this message'],
      ],
      [
        invitation,
        '((url)) ((user_name))',
        '((service_name))',
        ['Must have the placeholders ((user_name)), ((url))'],
      ],
      ['00000000-0000-0000-0000-000000000000', null, '((anything))', []],
    ];
    for (const [id, subject, content, faults] of cases)
      assert.deepEqual(platformFaults(id, { subject, content }), faults, content);
  });
});
