import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPublicAddress, loggedUrl, namesPrivateHost } from './address.ts';

test('addresses of the public internet, and none besides', () => {
  for (const address of [
    ...[
      '8.8.8.8',
      '1.1.1.1',
      '172.15.255.255',
      '172.32.0.1',
      '100.63.255.255',
      '100.128.0.1',
      '223.255.255.255',
    ],
    ...['2606:4700::1111', '2a00:1450:4009::200e'],
  ])
    assert.equal(isPublicAddress(address), true, address);
  for (const address of [
    // unspecified, loopback, private, shared, link-local, documentation, benchmarking, multicast, reserved, broadcast
    ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.254', '10.0.0.1', '172.16.0.1', '172.31.255.255'],
    ...[
      '192.168.0.1',
      '100.64.0.1',
      '100.127.255.255',
      '169.254.169.254',
      '192.0.0.8',
      '192.0.2.1',
      '198.18.0.1',
    ],
    ...['198.51.100.1', '203.0.113.1', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
    ...[
      '192.88.99.1',
      '::',
      '::1',
      'fe80::1',
      'fe80::1%eth0',
      'fec0::1',
      'fc00::1',
      'fd00:ec2::254',
      'ff02::1',
    ],
    // those that wrap an IPv4 address: mapped, compatible, translated, NAT64, 6to4, Teredo
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:8.8.8.8', '::127.0.0.1', '::ffff:0:127.0.0.1'],
    ...[
      '64:ff9b::7f00:1',
      '64:ff9b::8.8.8.8',
      '64:ff9b:1::1',
      '2002:7f00:1::1',
      '2001::1',
      '2001:db8::1',
      '100::1',
    ],
    ...['4000::1', '', 'localhost', '127.0.0.1:80'],
  ])
    assert.equal(isPublicAddress(address), false, address);
});

test('hosts that are private without any resolving', () => {
  for (const url of [
    ...['https://localhost/', 'https://LocalHost:8443/', 'https://localhost./', 'https://a.localhost/'],
    ...[
      'https://127.0.0.1/',
      'https://127.1/',
      'https://2130706433/',
      'https://0x7f000001/',
      'https://[::1]/',
    ],
    ...['https://[::ffff:10.0.0.1]/', 'https://10.0.0.1/x?y', 'https://user@192.168.0.1/'],
  ])
    assert.equal(namesPrivateHost(new URL(url)), true, url);
  for (const url of [
    'https://example.com/',
    'https://8.8.8.8/',
    'https://notlocalhost/',
    'https://localhost.example/',
  ])
    assert.equal(namesPrivateHost(new URL(url)), false, url);
});

test('a URL is logged without query and user information', () => {
  assert.equal(
    loggedUrl('https://user:secret@example.com:8443/hook?key=secret#part'),
    'https://example.com:8443/hook',
  );
});
