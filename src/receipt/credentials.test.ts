import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseCredentials } from './credentials.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test('a door without credentials is open', () => {
  for (const header of [undefined, '', 'Bearer x', basic('a:b')])
    assert.equal(refuseCredentials(null, header), null);
});

test('none are answered 401, wrong ones 403, in the words of the contract', () => {
  const credentials = 'mmg:p:ss wörd';
  for (const right of [basic(credentials), basic(credentials).replace('Basic', 'basic')])
    assert.equal(refuseCredentials(credentials, right), null);
  for (const none of [undefined, ''])
    assert.deepEqual(refuseCredentials(credentials, none), {
      status: 401,
      headers: { 'WWW-Authenticate': 'Bearer' },
      body: '{"result":"error","message":"Unauthorized: authentication token must be provided"}',
    });
  const wrong = [basic('mmg:p'), basic('mmg:p:ss wörd '), basic(''), 'Basic', 'Basic !!', 'Bearer x', 'x'];
  for (const header of wrong)
    assert.deepEqual(
      refuseCredentials(credentials, header),
      {
        status: 403,
        headers: {},
        body: '{"result":"error","message":"Forbidden: invalid authentication token provided"}',
      },
      header,
    );
});
