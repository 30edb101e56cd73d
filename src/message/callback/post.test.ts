import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import dns from 'node:dns';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { hostname } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../ground/clock.ts';
import {
  addressesInHosts,
  createPoster,
  fullNames,
  isPublicAddress,
  loggedHost,
  namesPrivateHost,
  type Poster,
  signature,
} from './post.ts';

const token = 'a token of the service';
const body = '{"id":"1"}';
const never = new AbortController().signal;

/** An HTTP server on a free loopback port. */
async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('callbacks never reach private addresses', () => {
  let poster: Poster;
  let connections = 0;
  let port = 0;
  const tcp = createTcpServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  before(async () => {
    poster = createPoster({ clock: systemClock, timeoutSeconds: 2, allowPrivate: false });
    // Listens on IPv4 and IPv6 where both exist, so that any connection is noticed.
    await new Promise<void>((resolve) =>
      tcp.listen(0, '::', resolve).once('error', () => tcp.listen(0, resolve)),
    );
    port = (tcp.address() as AddressInfo).port;
  });
  after(async () => {
    await poster.close();
    tcp.close();
  });

  const hosts = [
    ...['127.0.0.1', '127.1', '2130706433', '0x7f.1', '0177.0.0.1', '0.0.0.0', '[::1]', '[::]'],
    ...['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::127.0.0.1]', '[2002:7f00:1::]'],
    ...['10.0.0.1', '192.168.1.1', '172.16.0.1', '169.254.169.254', '100.64.0.1', '[fe80::1]', '[fd00::1]'],
  ];
  for (const host of hosts)
    test(`a connection to ${host} is never made`, async () => {
      const exchange = await poster.post({ url: `https://${host}:${port}/`, token, body }, never);
      assert.equal(exchange.kind, 'forbidden');
      assert.equal('code' in exchange && exchange.code, 'private address');
      assert.equal(connections, 0);
    });

  test('a connection to a name that resolves to a private address is never made', async () => {
    // `localhost` is resolved like any other name.
    for (const host of ['localhost', 'LOCALHOST'])
      assert.deepEqual(await poster.post({ url: `https://${host}:${port}/`, token, body }, never), {
        kind: 'forbidden',
        code: 'private address',
        detail: 'localhost is not an address of the public internet',
      });
    // These may or may not resolve, but are never connected to.
    for (const host of ['localhost.', 'api.localhost', hostname()]) {
      const { kind } = await poster.post({ url: `https://${host}:${port}/`, token, body }, never);
      assert.ok(kind === 'forbidden' || kind === 'no answer', host);
    }
    assert.equal(connections, 0);
  });

  test('a callback over plain HTTP or any other scheme than https is never made', async () => {
    for (const url of ['http://example.com/', 'ftp://example.com/', 'file:///etc/passwd', 'nothing'])
      assert.deepEqual(
        { ...(await poster.post({ url, token, body }, never)), detail: '' },
        { kind: 'forbidden', code: 'bad address', detail: '' },
      );
  });
});

describe('callbacks', () => {
  const poster = createPoster({
    clock: { now: () => 1_700_000_000_123 },
    timeoutSeconds: 1,
    allowPrivate: true,
  });
  after(() => poster.close());

  test('a callback carries the unchanged body, the token and a signature', async (t) => {
    const seen: { method?: string; url?: string; headers: IncomingMessage['headers']; body: string }[] = [];
    const server = await listen((request, response) => {
      let text = '';
      request.on('data', (chunk) => {
        text += chunk;
      });
      request.on('end', () => {
        seen.push({ method: request.method!, url: request.url!, headers: request.headers, body: text });
        response.writeHead(204).end();
      });
    });
    t.after(server.close);
    const exchange = await poster.post({ url: `${server.url}/hook?a=1#part`, token, body }, never);
    assert.deepEqual(exchange, { kind: 'answered', status: 204, retryAfter: null });
    const [{ method, url, headers, body: got }] = seen as [(typeof seen)[0]];
    assert.deepEqual([method, url, got], ['POST', '/hook?a=1', body]);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers.authorization, `Bearer ${token}`);
    assert.equal(headers['despatch-signature'], signature(body, token, 1_700_000_000_123));
    assert.match(String(headers['despatch-signature']), /^t=1700000000,v1=[0-9a-f]{64}$/);
    assert.ok(headers['user-agent']);
  });

  test('redirects are not followed', async (t) => {
    const paths: string[] = [];
    const server = await listen((request, response) => {
      paths.push(request.url!);
      response.writeHead(307, { Location: '/inside' }).end();
    });
    t.after(server.close);
    const exchange = await poster.post({ url: `${server.url}/out`, token, body }, never);
    assert.deepEqual(exchange, { kind: 'answered', status: 307, retryAfter: null });
    assert.deepEqual(paths, ['/out']);
  });

  test('the status and Retry-After are returned, and an endless response is cut off', async (t) => {
    const server = await listen((_request, response) => {
      response.writeHead(503, { 'Retry-After': '7' });
      const more = () => {
        while (response.write('x'.repeat(10_000)) && !response.destroyed);
      };
      response.on('drain', more);
      more();
    });
    t.after(server.close);
    assert.deepEqual(await poster.post({ url: server.url, token, body }, never), {
      kind: 'answered',
      status: 503,
      retryAfter: '7',
    });
  });

  test('a callback ends at the time-out, even while a response trickles in', async (t) => {
    const silent = await listen(() => undefined);
    const dripping = await listen((_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(drip));
    });
    t.after(silent.close);
    t.after(dripping.close);
    const [none, some] = await Promise.all([
      poster.post({ url: silent.url, token, body }, never),
      poster.post({ url: dripping.url, token, body }, never),
    ]);
    assert.equal('code' in none && none.code, 'timeout');
    assert.equal('status' in some && some.status, 200);
  });

  test('a callback without a response returns the error code', async (t) => {
    const server = await listen((request) => request.socket.destroy());
    t.after(server.close);
    const closed = await listen(() => undefined);
    closed.close();
    const code = async (url: string) => {
      const exchange = await poster.post({ url, token, body }, never);
      return exchange.kind === 'no answer' && exchange.code;
    };
    assert.equal(await code(closed.url), 'ECONNREFUSED');
    assert.equal(await code(server.url), 'UND_ERR_SOCKET');
    assert.equal(await code('http://no-such-name.invalid/'), 'ENOTFOUND');
  });

  test('callbacks under way are given up when the process stops', async (t) => {
    const server = await listen(() => undefined);
    t.after(server.close);
    const abort = new AbortController();
    const posting = poster.post({ url: server.url, token, body }, abort.signal);
    abort.abort(new Error('The process is stopping.'));
    assert.deepEqual(await posting, { kind: 'given up' });
  });
});

/**
 * A DNS server on loopback, and the only one while `work` runs. Names that begin with `hang` get no answer, all others
 * the address 127.0.0.1, and no IPv6 address. `queries` counts what it was asked.
 */
async function withDns(work: (queries: Map<string, number>) => Promise<void>): Promise<void> {
  const queries = new Map<string, number>();
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    let at = 12;
    const labels: string[] = [];
    while (query[at]! > 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + query[at]!));
      at += 1 + query[at]!;
    }
    const name = labels.join('.').toLowerCase();
    queries.set(name, (queries.get(name) ?? 0) + 1);
    if (name.startsWith('hang')) return;
    const isA = query.readUInt16BE(at + 1) === 1;
    const head = Buffer.from([query[0]!, query[1]!, 0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0]);
    // A pointer to the name of the question, type A, class IN, 300 seconds, four bytes.
    const answer = Buffer.from('c00c0001000100' + '00012c00047f000001', 'hex');
    socket.send(Buffer.concat([head, query.subarray(12, at + 5), ...(isA ? [answer] : [])]), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const before = dns.getServers();
  dns.setServers([`127.0.0.1:${socket.address().port}`]);
  try {
    await work(queries);
  } finally {
    dns.setServers(before);
    socket.close();
  }
}

describe('names of callback addresses', () => {
  test('200 callbacks to names that never resolve keep neither files nor another callback waiting', async (t) => {
    await withDns(async () => {
      const server = await listen((_request, response) => response.writeHead(204).end());
      const poster = createPoster({ clock: systemClock, timeoutSeconds: 10, allowPrivate: true });
      t.after(server.close);
      t.after(() => poster.close());
      const abort = new AbortController();
      let ended = 0;
      const hanging = Array.from({ length: 200 }, (_, index) =>
        poster.post({ url: `http://hang${index}.example:1/`, token, body }, abort.signal).finally(() => {
          ended += 1;
        }),
      );
      assert.ok((await readFile(import.meta.filename)).length > 0);
      const url = `http://quick.example:${server.port}/`;
      assert.equal((await poster.post({ url, token, body }, never)).kind, 'answered');
      assert.equal(ended, 0);
      abort.abort();
      assert.deepEqual(new Set((await Promise.all(hanging)).map(({ kind }) => kind)), new Set(['given up']));
    });
  });

  test('a name that does not resolve in time ends the callback as a time-out', async () => {
    await withDns(async () => {
      const poster = createPoster({ clock: systemClock, timeoutSeconds: 1, allowPrivate: true });
      const answer = await poster.post({ url: 'http://hang.example/', token, body }, never);
      assert.equal('code' in answer && answer.code, 'timeout');
      await poster.close();
    });
  });

  test('many callbacks to one name ask for its addresses once, and each checks them', async () => {
    await withDns(async (queries) => {
      for (const allowPrivate of [true, false]) {
        const poster = createPoster({ clock: systemClock, timeoutSeconds: 5, allowPrivate });
        queries.clear();
        for (let round = 0; round < 2; round += 1) {
          const answers = await Promise.all(
            Array.from({ length: 50 }, () =>
              poster.post({ url: 'https://Inside.example:1/', token, body }, never),
            ),
          );
          assert.deepEqual(
            new Set(answers.map((answer) => 'code' in answer && answer.code)),
            new Set([allowPrivate ? 'ECONNREFUSED' : 'private address']),
          );
        }
        // One for IPv4 and one for IPv6.
        assert.equal(queries.get('inside.example'), 2);
        await poster.close();
      }
    });
  });

  test('names in /etc/hosts have the addresses given there, and localhost is always this machine', () => {
    const hosts = [
      '127.0.0.1 localhost # comment',
      '10.0.0.5\tDesk desk.harbour.example',
      '#10.0.0.6 other',
      '::1 desk',
      'x y',
    ].join('\r\n');
    const table: [string, string[]][] = [
      ['localhost', ['127.0.0.1']],
      ['desk', ['10.0.0.5', '::1']],
      ['desk.harbour.example.', ['10.0.0.5']],
      ['api.localhost', ['127.0.0.1', '::1']],
      ['other', []],
      ['y', []],
      ['notlocalhost', []],
    ];
    for (const [name, expected] of table) assert.deepEqual(addressesInHosts(hosts, name), expected, name);
    assert.deepEqual(addressesInHosts('', 'localhost.'), ['127.0.0.1', '::1']);
  });

  test('search domains are tried before short names and after names with enough dots', () => {
    const cluster = 'nameserver 10.0.0.1\nsearch shop.svc.local svc.local.\noptions timeout:1 ndots:2 # x\n';
    const table: [string, string, string[]][] = [
      ['desk', '', ['desk']],
      ['harbour.example', '', ['harbour.example']],
      ['desk', cluster, ['desk.shop.svc.local', 'desk.svc.local', 'desk']],
      ['a.b', cluster, ['a.b.shop.svc.local', 'a.b.svc.local', 'a.b']],
      ['a.b.c', cluster, ['a.b.c', 'a.b.c.shop.svc.local', 'a.b.c.svc.local']],
      ['a.b.', cluster, ['a.b']],
      ['a.b', 'domain harbour.example', ['a.b', 'a.b.harbour.example']],
    ];
    for (const [name, text, expected] of table) assert.deepEqual(fullNames(name, text), expected, name);
  });
});

test('only addresses of the public internet count as public', () => {
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

test('private hosts are recognised without a DNS look-up', () => {
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

test('of a callback address only the host is logged', () => {
  const table: [string, string][] = [
    ['https://user:secret@example.com:8443/hook/secret?key=secret#part', 'example.com:8443'],
    ['https://example.com/', 'example.com'],
    ['https://[2a00::1]/secret', '[2a00::1]'],
    ['secret', 'a malformed address'],
  ];
  for (const [url, expected] of table) assert.equal(loggedHost(url), expected);
});
