import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseCredentials } from './basic.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test('an endpoint without credentials is open', () => {
  for (const header of [undefined, '', 'Bearer x', basic('a:b')])
    assert.equal(refuseCredentials(null, header), null);
});

test('missing credentials are answered 401 and wrong ones 403, with the texts of the reference', () => {
  const accepted = ['mmg:p:ss wörd'];
  for (const right of [basic(accepted[0]!), basic(accepted[0]!).replace('Basic', 'basic')])
    assert.equal(refuseCredentials(accepted, right), null);
  for (const none of [undefined, ''])
    assert.deepEqual(refuseCredentials(accepted, none), {
      status: 401,
      headers: { 'WWW-Authenticate': 'Bearer' },
      body: '{"result":"error","message":"Unauthorized: authentication token must be provided"}',
    });
  const wrong = [basic('mmg:p'), basic('mmg:p:ss wörd '), basic(''), 'Basic', 'Basic !!', 'Bearer x', 'x'];
  for (const header of wrong)
    assert.deepEqual(
      refuseCredentials(accepted, header),
      {
        status: 403,
        headers: {},
        body: '{"result":"error","message":"Forbidden: invalid authentication token provided"}',
      },
      header,
    );
});

test('any pair of a list is accepted, and an empty list refuses everybody', () => {
  const accepted = ['tide:one', 'tide:two', 'moon:one'];
  for (const pair of accepted) assert.equal(refuseCredentials(accepted, basic(pair)), null);
  for (const pair of ['moon:two', 'tide:', 'tide:one,two', ':', ''])
    assert.equal(refuseCredentials(accepted, basic(pair))?.status, 403, pair);
  assert.equal(refuseCredentials([], basic('tide:one'))?.status, 403);
  assert.equal(refuseCredentials([], basic(':'))?.status, 403);
  assert.equal(refuseCredentials([], undefined)?.status, 401);
});
