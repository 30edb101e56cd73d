import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { createCipher } from '../../src/ground/cipher.ts';
import { makeFirstOperatorToken } from '../../src/tenant/user/link.ts';
import { salt, secretKey } from '../support/tenant.ts';
import { createWebWorld, type WebWorld } from '../support/web.ts';

suite('the first operator of an installation without the demo (spec 07, section 4)', () => {
  let world: WebWorld;
  before(async () => {
    world = await createWebWorld();
    await world.connection.pool.query(`update users set platform_admin = false where platform_admin`);
  });
  after(() => world.stop());
  const newLink = () =>
    `/first/${makeFirstOperatorToken(createCipher([secretKey], salt), world.clock.now())}`;
  const person = { name: 'Ola', password: 'an unusual passphrase' };

  test('the link asks for name, address and password, each fault at its field', async () => {
    const path = newLink();
    assert.match((await world.stranger().get(path)).text, /Nobody operates this installation yet/);
    for (const [fields, said] of [
      [{ name: '' }, /Enter your name/],
      [{ email: 'ola' }, /Enter an email address in the correct format/],
      [{ password: 'password' }, /harder to guess/],
    ] as const) {
      const { status, text } = await world
        .stranger()
        .submit(path, { ...person, email: 'ola@harbour.example', ...fields });
      assert.equal(status, 400);
      assert.match(text, said);
    }
  });

  test('of many who open links at once one becomes the operator, and no link works afterwards', async () => {
    const outcomes = await Promise.all(
      [1, 2, 3, 4].map(async (number) => {
        const visitor = world.stranger();
        const seen = await visitor.submit(newLink(), { ...person, email: `ola${number}@harbour.example` });
        return { visitor, seen };
      }),
    );
    const made = outcomes.filter(({ seen }) => seen.location === '/services');
    assert.equal(made.length, 1);
    assert.equal((await made[0]!.visitor.get('/services')).status, 200);
    const { rows } = await world.connection.pool.query(
      'select auth_type, state from users where platform_admin',
    );
    assert.deepEqual(rows, [{ auth_type: 'email_auth', state: 'active' }]);
    const late = await world.stranger().get(newLink());
    assert.equal(late.status, 400);
    assert.match(late.text, /has an operator already/);
    const api = await world.admin('POST', '/user/first-operator', {
      ...{ token: newLink().split('/').at(-1), name: 'Eve', email_address: 'eve@harbour.example' },
      password: 'an unusual passphrase',
    });
    assert.equal(api.status, 400);
  });

  test('a link that was changed, or is an hour old, makes nobody', async () => {
    await world.connection.pool.query(`update users set platform_admin = false where platform_admin`);
    const path = newLink();
    assert.match((await world.stranger().get(`${path.slice(0, -6)}AAAAAA`)).text, /Something’s wrong/);
    await world.advance(3601);
    assert.match((await world.stranger().get(path)).text, /has expired/);
  });
});
