import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readConfig, settings } from './config.ts';
import { settingsInForce } from './in-force.ts';

const secret = 'sesame-sesame-sesame-sesame';
const shown = (environment: Record<string, string>) =>
  new Map(settingsInForce(readConfig(environment)).map((one) => [one.name, one]));

suite('settings in force (spec 07, section 7)', () => {
  test('every setting is among them, with its default where nothing else is set', () => {
    const all = shown({ PORT: '7000', MMG_API_KEY: secret });
    assert.deepEqual(
      [...all.keys()],
      settings.map(({ names }) => names[0]!),
    );
    assert.deepEqual([all.get('PORT')?.value, all.get('PORT')?.isDefault], ['7000', false]);
    assert.deepEqual([all.get('WEB_PORT')?.value, all.get('WEB_PORT')?.isDefault], ['6013', true]);
    assert.equal(all.get('DATABASE_READ_POOL_SIZE')?.value, 'a quarter of `DATABASE_POOL_SIZE`');
    assert.deepEqual([all.get('MMG_API_KEY')?.value, all.get('MMG_API_KEY')?.isDefault], [null, false]);
    assert.equal(all.get('FIRETEXT_API_KEY')?.isDefault, true);
  });

  test('no secret is shown, wherever it stands', () => {
    const all = shown({
      ...{ SECRET_KEY: secret, DANGEROUS_SALT: secret, ADMIN_CLIENT_SECRET: secret, WEB_SECRET: secret },
      DATABASE_URL: `postgres://despatch:${secret}@db.example:5433/despatch?sslpassword=${secret}`,
      INTERNAL_CLIENT_API_KEYS: JSON.stringify({ 'notify-admin': [secret] }),
      SMTP_URL: `smtp://${secret}@mail.example`,
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${secret}`,
      ...{ MMG_API_KEY: secret, AWS_ACCESS_KEY_ID: secret, AWS_SECRET_ACCESS_KEY: secret },
      MMG_URL: `https://mmg.example/${secret}`,
    });
    assert.doesNotMatch(JSON.stringify([...all.values()]), /sesame/);
    assert.equal(all.get('DATABASE_URL')?.value, 'postgres://…@db.example:5433/…');
    assert.equal(all.get('SMTP_URL')?.value, 'smtp://…@mail.example');
  });

  test('what is called a secret, key, password, token or salt is one', () => {
    const named = settingsInForce(readConfig({})).filter(({ name }) =>
      /SECRET|KEY|PASSWORD|TOKEN|SALT|CREDENTIAL|HEADERS|BASIC|AUTH/.test(name),
    );
    assert.deepEqual(
      named.filter(({ value }) => value !== null).map(({ name }) => name),
      [],
    );
  });
});
