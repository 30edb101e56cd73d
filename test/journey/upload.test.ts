import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { signToken } from '../../src/cli/client.ts';
import { addTemplate } from '../../src/content/template/store.ts';
import { createCipher } from '../../src/ground/cipher.ts';
import { deleteExpiredUploads, findRecords, findUpload } from '../../src/job/upload/store.ts';
import { addUser } from '../../src/tenant/user/store.ts';
import { addTeamMember, setLimits } from '../support/operator.ts';
import { salt, secretKey, type Tenant } from '../support/tenant.ts';
import { hugePart, odsOf, odsParts, xlsxOf, xlsxParts, zip } from '../support/workbooks.ts';
import { createWorld, type World } from '../support/world.ts';

const header = 'phone number,name,time';
const ann = '07900900123,Ann,14:05';
const bob = '07900900456,Bob,15:10';
const unreadable = 'Notify cannot read this file - try using a different file type';

const utf16 = (text: string, isBig: boolean): Buffer => {
  const bytes = Buffer.from(text, 'utf16le');
  return isBig ? bytes.swap16() : bytes;
};

describe('files of recipients', () => {
  let world: World;
  let tenant: Tenant;

  before(async () => {
    world = await createWorld();
    tenant = await world.addTenant({ permissions: ['sms', 'email'], prefixSms: false });
    await setLimits(world.connection.db, tenant.id, { limits: { sms: 250_000, email: 250_000 } });
  });
  after(() => world.stop());

  const upload = (
    file: string | Uint8Array,
    options: {
      name?: string;
      of?: Tenant;
      template?: string;
      more?: string;
      headers?: Record<string, string>;
    } = {},
  ) => {
    const { name = 'tides.csv', of = tenant, template = of.templates.sms, more = '', headers = {} } = options;
    const query = `template_id=${template}&file_name=${encodeURIComponent(name)}${more}`;
    return world.admin('POST', `/service/${of.id}/upload?${query}`, file, headers);
  };
  const at = (id: string, more = '', of = tenant) => `/service/${of.id}/upload/${id}${more}`;
  const refused = (answer: { status: number; body: any }) => [answer.status, answer.body.message];

  describe('a file is read as it was meant', () => {
    const lines = (end: string) => [header, ann, bob].join(end);
    const cases: [string, string | Buffer, { name?: string; encoding?: string; separator?: string }][] = [
      ['plain', lines('\n'), {}],
      ['with CRLF', `${lines('\r\n')}\r\n`, {}],
      ['with lone CR', lines('\r'), {}],
      ['with a byte order mark', `\ufeff${lines('\n')}`, {}],
      ['with two byte order marks', `\ufeff\ufeff${lines('\n')}`, {}],
      ['in UTF-16, little end first', utf16(`\ufeff${lines('\r\n')}`, false), { encoding: 'utf-16le' }],
      ['in UTF-16, big end first', utf16(`\ufeff${lines('\r\n')}`, true), { encoding: 'utf-16be' }],
      ['in UTF-16 without a mark', utf16(lines('\r\n'), false), { encoding: 'utf-16le' }],
      ['with semicolons', lines('\n').replaceAll(',', ';'), { separator: ';' }],
      ['with tabs', lines('\n').replaceAll(',', '\t'), { separator: '\t' }],
      ['called .tsv', lines('\n').replaceAll(',', '\t'), { name: 'tides.TSV', separator: '\t' }],
      ['called .xls', lines('\n'), { name: 'tides.xls' }],
      ['with sep=;', `sep=;\r\n${lines('\r\n').replaceAll(',', ';')}`, { separator: ';' }],
      ['with blank rows at its end', `${lines('\r\n')}\r\n,,\r\n   \r\n\r\n`, {}],
      ['with blank columns at its end', [header, ann, bob].map((line) => `${line},,,`).join('\n'), {}],
      ['with Ctrl-Z at its end', `${lines('\r\n')}\r\n\x1a`, {}],
      ['with a non-breaking space in a header', lines('\n').replace('phone number', 'phone\u00a0number'), {}],
      ['with formulas that keep zeros', lines('\n').replace('07900900123', '="07900900123"'), {}],
      ['with numbers that lost their zero', lines('\n').replaceAll('079', '79'), {}],
      ['with quotes', `"phone number","name","time"\n"07900900123","Ann","14:05"\n${bob}`, {}],
    ];
    for (const [promise, file, { name = 'tides.csv', encoding = 'utf-8', separator = ',' }] of cases)
      test(promise, async () => {
        const { status, body } = await upload(file, { name });
        assert.equal(status, 201, JSON.stringify(body));
        const { data } = body;
        assert.deepEqual([data.valid, data.errors, data.error_count], [true, [], 0]);
        assert.deepEqual([data.notification_count, data.encoding, data.separator], [2, encoding, separator]);
        assert.deepEqual(
          data.preview.map(({ row, body }: any) => [row, body]),
          [
            [2, 'Hi Ann, high tide at 14:05'],
            [3, 'Hi Bob, high tide at 15:10'],
          ],
        );
      });

    for (const [format, written] of [
      ['xlsx', xlsxOf],
      ['ods', odsOf],
    ] as const)
      test(`as a workbook, ${format}`, async () => {
        const cells = [header, ann, bob].map((line) => line.split(','));
        const { status, body } = await upload(written(cells), { name: `tides.${format.toUpperCase()}` });
        assert.equal(status, 201, JSON.stringify(body));
        const { data } = body;
        assert.deepEqual([data.valid, data.notification_count, data.errors], [true, 2, []]);
        assert.equal(data.preview[1].body, 'Hi Bob, high tide at 15:10');
      });

    test('in Windows-1252', async () => {
      const { body } = await upload(Buffer.from(`${header}\n07900900123,Zoë,14:05`, 'latin1'));
      assert.equal(body.data.encoding, 'windows-1252');
      assert.equal(body.data.preview[0].body, 'Hi Zoë, high tide at 14:05');
    });

    test('with a line break in quotes', async () => {
      const { body } = await upload(`${header}\n07900900123,"Ann\nof Ely",14:05`);
      assert.deepEqual([body.data.valid, body.data.notification_count], [true, 1]);
      assert.match(body.data.preview[0].body, /^Hi Ann\s+of Ely,/);
    });
  });

  describe('a file that cannot be read is refused with the reason', () => {
    const damaged = Buffer.from(`${header}\n07900900123,Zoë,14:05\n07900900456,Renée?,15:10`);
    damaged[damaged.indexOf('?')] = 0xff;
    const big = Buffer.alloc(10 * 1024 * 1024 + 1, 'a,');
    const cases: [string, string | Uint8Array, string, number, string | RegExp][] = [
      ['no file', '', 'a.csv', 400, 'You need to chose a file to upload'],
      ['another extension', 'a', 'a.pdf', 400, 'The file must be a spreadsheet that Notify can read'],
      ['no extension', 'a', 'csv', 400, 'The file must be a spreadsheet that Notify can read'],
      ['more than 10 MiB', big, 'a.csv', 413, 'The file must be smaller than 10MB'],
      ['one damaged byte in UTF-8', damaged, 'a.csv', 400, /save it again as ‘CSV UTF-8’/],
      ['a NUL', `${header}\n07900900123,\0,14:05`, 'a.csv', 400, unreadable],
      ['an image', Buffer.from('89504e470d0a1a0a0000000d', 'hex'), 'a.csv', 400, unreadable],
      ['a broken workbook', Buffer.from('504b030400000000', 'hex'), 'a.xlsx', 400, unreadable],
      [
        'a workbook of before 2007',
        Buffer.from('d0cf11e0a1b11ae1', 'hex'),
        'a.xls',
        400,
        /^Notify cannot read this file/,
      ],
      ['a cell that is too long', `${header}\n1,"${'a'.repeat(140_000)}`, 'a.csv', 400, /row 2 has a cell/],
    ];
    for (const [promise, file, name, status, message] of cases)
      test(promise, async () => {
        const answer = await upload(file, { name });
        assert.equal(answer.status, status, JSON.stringify(answer.body));
        if (typeof message === 'string') assert.equal(answer.body.message, message);
        else assert.match(answer.body.message, message);
      });

    const mebibytes = 10 * 1024 * 1024;
    const filled = (start: string, sign: string, end = '') =>
      Buffer.concat([
        Buffer.from(start),
        Buffer.alloc(mebibytes - start.length - end.length, sign),
        Buffer.from(end),
      ]);
    const sheet = (rest: string) =>
      zip(
        xlsxParts(
          `<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>${rest}</sheetData>`,
        ),
      );
    const table = (rows: string) => zip(odsParts(`<table:table>${rows}</table:table>`));
    const odsCell = '<table:table-cell office:value-type="string"><text:p>a</text:p></table:table-cell>';
    const large: [string, Uint8Array, RegExp][] = [
      ['a single cell of 10 MiB', filled('', 'a'), /row 1 has a cell of more than 131,072 characters/],
      [
        'a cell of 10 MiB in quotes that are not closed',
        filled(`${header}\n"`, 'a'),
        /row 2 has a cell of more than 131,072 characters: look for a quote/,
      ],
      ['10 MiB of line ends before a row', filled(`${header}\n`, '\n', ann), /too many cells/],
      ['10 MiB of commas before a value', filled('', ',', 'a'), /too many columns/],
      [
        'a million columns',
        Buffer.from(Array.from({ length: 1_000_000 }, (_, at) => at).join(',')),
        /too many columns/,
      ],
      [
        'XML that is nested 100,000 deep',
        sheet('<row><c><is>'.repeat(100_000)),
        /^Notify cannot read this file/,
      ],
      [
        'XML with entities that multiply',
        zip({
          ...xlsxParts(''),
          'xl/worksheets/sheet1.xml': `<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "${'&a;'.repeat(1000)}">]><worksheet>&b;</worksheet>`,
        }),
        /^Notify cannot read this file/,
      ],
      [
        'a row that is repeated a million times',
        table(
          `<table:table-row>${odsCell}</table:table-row><table:table-row table:number-rows-repeated="1000000">${odsCell}</table:table-row>`,
        ),
        /too many rows/,
      ],
      [
        'a shared text that unpacks to 70 MB',
        zip({
          ...xlsxParts(''),
          'xl/sharedStrings.xml': hugePart(
            xlsxParts('')['xl/sharedStrings.xml']!.replace('</sst>', ''),
            `<si><t>${'a'.repeat(100_000)}</t></si>`,
            700,
          ),
        }),
        /took too long to process/,
      ],
    ];
    for (const [promise, file, message] of large)
      test(`${promise}, within seconds`, async () => {
        const began = performance.now();
        const { status, body } = await upload(file);
        assert.equal(status, 400, JSON.stringify(body));
        assert.match(body.message, message);
        // Far less than the two minutes after which any check ends, also on a busy machine.
        assert.ok(performance.now() - began < 30_000);
      });

    test('10 MiB of line ends after the last row are nothing', async () => {
      const { body } = await upload(filled(`${header}\n${ann}`, '\n'));
      assert.deepEqual([body.data.notification_count, body.data.valid], [1, true]);
    });

    test('a file of exactly 10 MiB is read', async () => {
      const file = Buffer.alloc(10 * 1024 * 1024, ' ');
      file.write(`${header}\n${ann}\n`);
      assert.equal((await upload(file)).body.data?.notification_count, 1);
    });
  });

  describe('what is wrong with a file is named', () => {
    const cases: [string, string, (row: any) => unknown, unknown][] = [
      [
        'a number that a spreadsheet shortened',
        `${header}\n4.479E+11,Ann,1`,
        ({ errors }) => errors,
        [
          {
            row: 2,
            column: 'phone number',
            message:
              'A spreadsheet shortened this phone number to ‘4.479E+11’ – format the column as text and enter the whole number again',
          },
        ],
      ],
      [
        'a quote that is not closed',
        `${header}\n07900900123,"Ann,1\n${bob}`,
        ({ faults }) => faults,
        [
          { kind: 'missing', rows: 1 },
          { kind: 'unclosed-quote', rows: 1 },
        ],
      ],
      [
        'a surplus cell',
        `${header}\n${ann},more`,
        ({ errors }) => errors[0].message,
        /more cells than the header has columns, from ‘more’ on/,
      ],
      [
        'a damaged letter',
        `${header}\n07900900123,An\ufffd,1`,
        ({ errors }) => errors[0].message,
        /^‘An\ufffd’ has a damaged character/,
      ],
      [
        'a missing column',
        'phone number,name\n07900900123,Ann',
        ({ missing_columns: missing }) => missing,
        ['time'],
      ],
      [
        'no recipient column',
        'name,time\nAnn,1',
        ({ recipient_column, errors }) => [recipient_column, errors[0].message],
        [null, 'Your file needs a column called ‘phone number’'],
      ],
      ['no rows', header, ({ errors }) => errors[0].message, 'Your file has no rows with recipients'],
      [
        'everything at once, in the order of the check page',
        `${header}\n12,Ann,1\n,Ann,1\n07900900123,,1\n07900900123,${'a'.repeat(1000)},1\n`,
        ({ phrases, faulty_rows, faults }) => [phrases, faulty_rows, faults],
        [
          ['fix 1 phone number', 'enter missing data in 2 rows', 'shorten the message in 1 row'],
          4,
          [
            { kind: 'recipient', rows: 1 },
            { kind: 'missing', rows: 2 },
            { kind: 'too-long', rows: 1 },
          ],
        ],
      ],
    ];
    for (const [promise, file, look, expected] of cases)
      test(promise, async () => {
        const { status, body } = await upload(file);
        assert.equal(status, 201, JSON.stringify(body));
        assert.equal(body.data.valid, false);
        const seen = look(body.data);
        if (expected instanceof RegExp) assert.match(String(seen), expected);
        else assert.deepEqual(seen, expected);
      });

    test('more than 100,000 rows, of which the first are shown', async () => {
      const { body } = await upload(`${header}\n${`${ann}\n`.repeat(100_001)}`);
      const { notification_count, valid, errors, preview, id } = body.data;
      assert.deepEqual([notification_count, valid, preview.length], [100_001, false, 10]);
      assert.match(errors[0].message, /up to 100,000 rows at once, your file has 100,001/);
      assert.deepEqual(refused(await world.admin('POST', at(id, '/leave-out-faulty'), {}))[0], 400);
      assert.equal((await world.admin('GET', at(id, '/row/500/preview'))).status, 404);
    });

    test('recipients that are repeated are counted and sent', async () => {
      const { body } = await upload(`${header}\n${ann}\n${bob}\n+44 7900 900123,Ann,1`);
      const { valid, duplicate_count, duplicates } = body.data;
      assert.deepEqual([valid, duplicate_count, duplicates], [true, 1, [{ row: 4, first_row: 2 }]]);
    });
  });

  test('the texts of a file are counted with their cost, and numbers abroad with their multiplier', async () => {
    const abroad = await world.addTenant({ permissions: ['sms', 'international_sms'], prefixSms: true });
    const long = 'a'.repeat(200);
    const { body } = await upload(`${header}\n07900900123,${long},1\n+33612345678,Bob,1`, { of: abroad });
    const {
      fragments,
      cost_units: units,
      cost_in_pounds: cost,
      international_count: count,
      limits,
    } = body.data;
    assert.equal(fragments, 3);
    assert.ok(units > 3);
    assert.ok(Math.abs(cost / units - 0.024) < 1e-9);
    assert.equal(count, 1);
    assert.equal(typeof limits.international_sms, 'number');
    assert.match(body.data.preview[1].body, /^Harbour \w+: Hi Bob/);
  });

  test('the shortest and the longest message of a file are shown, also after it has changed', async () => {
    const { id, ...first } = (
      await upload(
        `${header}\n${ann}\n07900900456,Eve the second,1\n07900900457,Bo,${'1'.repeat(160)}\n12,A,1`,
      )
    ).body.data;
    const rows = ({ shortest, longest }: any) => [shortest.row, longest.row];
    assert.deepEqual(rows(first), [5, 4]);
    assert.deepEqual(first.shortest, {
      ...{ row: 5, recipient: '12', subject: null, body: 'Hi A, high tide at 1' },
      ...{ fragments: 1, characters: 20 },
    });
    assert.deepEqual([first.longest.characters, first.longest.fragments], [180, 2]);
    const mended = await world.admin('POST', at(id, '/row/4'), { column: 'time', value: '1' });
    assert.deepEqual(rows(mended.body.data), [5, 3]);
    const { data, left_out: left } = (await world.admin('POST', at(id, '/leave-out-faulty'), {})).body;
    assert.deepEqual(
      [rows(data), rows(left)],
      [
        [4, 3],
        [2, 2],
      ],
    );
    const none = (await upload(header)).body.data;
    assert.deepEqual([none.shortest, none.longest], [null, null]);
    const emails = `email address,name,time\na@example.com,Ann,1\nb@example.com,Annabel,1`;
    const email = (await upload(emails, { template: tenant.templates.email })).body.data;
    assert.deepEqual(rows(email), [2, 3]);
    assert.equal(email.longest.subject, 'Tide for Annabel');
  });

  test('nothing of a file without a header can be read in the database', async () => {
    const { pool } = world.connection;
    const file = `07900900123,Secretperson,"14:05\n07900900456,Secretperson,15:10"x`;
    const { id, columns } = (await upload(file)).body.data;
    assert.equal(columns[1], 'Secretperson');
    for (const table of ['uploads', 'upload_rows', 'upload_fault_pieces', 'upload_faults']) {
      const key = table === 'uploads' ? 'id' : 'upload_id';
      const { rows } = await pool.query(`select t::text from ${table} t where ${key} = $1`, [id]);
      assert.doesNotMatch(JSON.stringify(rows), /Secret|0790|14:05/, table);
    }
  });

  test('an upload of the release before is shown, mended and parted', async () => {
    const { pool } = world.connection;
    const { id, ...now } = (await upload(`${header}\n12,Ann,1\n${bob}\n13,Eve,1`)).body.data;
    // As that release stored it.
    await pool.query(
      `update uploads set header = $2, sealed_header = null, summary = summary - 'extremes' where id = $1`,
      [id, JSON.stringify(header.split(','))],
    );
    await pool.query('update upload_rows set lengths = null where upload_id = $1', [id]);
    await pool.query(
      `insert into upload_faults (upload_id, row_index, number, kind, header, text)
      select upload_id, f.row, 0, f.kind, f.header, f.text from upload_fault_pieces,
        unnest(rows, kinds, headers, texts) f (row, kind, header, text) where upload_id = $1`,
      [id],
    );
    await pool.query('delete from upload_fault_pieces where upload_id = $1', [id]);
    const seen = (await world.admin('GET', at(id))).body.data;
    assert.deepEqual(seen, { id, ...now, shortest: null, longest: null });
    const mended = await world.admin('POST', at(id, '/row/2'), { column: 'phone number', value: '14' });
    assert.equal(mended.body.row.faults.length, 1);
    assert.deepEqual(
      mended.body.data.errors.map(({ row }: any) => row),
      [2, 4],
    );
    const { data, left_out: left } = (await world.admin('POST', at(id, '/leave-out-faulty'), {})).body;
    assert.deepEqual([data.notification_count, data.errors], [1, []]);
    assert.deepEqual(
      left.errors.map(({ row }: any) => row),
      [2, 3],
    );
  });

  test('the limits of the day decide now, and change nothing of the upload', async () => {
    const { body } = await upload(`${header}\n${ann}\n${bob}`);
    const { id } = body.data;
    await setLimits(world.connection.db, tenant.id, { limits: { sms: 1 } });
    const look = async () => (await world.admin('GET', at(id))).body.data;
    const seen = await world.until(look, ({ limits }) => limits.messages < 2);
    assert.equal(seen.valid, false);
    assert.match(seen.errors[0].message, /has 2 rows, your service can send \d more messages today/);
    await setLimits(world.connection.db, tenant.id, { limits: { sms: 250_000 } });
    assert.equal((await world.until(look, ({ valid }) => valid)).error_count, 0);
  });

  test('in trial mode only the team can be sent to, and rows with other people are faulty', async () => {
    const { db, pool } = world.connection;
    const trial = await world.addTenant();
    const user = randomUUID();
    await addUser(db, { id: user, name: 'Kim', emailAddress: `${user}@example.com`, state: 'active' });
    await pool.query(`update services set restricted = true where id = $1`, [trial.id]);
    await addTeamMember(db, trial.id, user);
    const file = `email address,name,time\n${user.toUpperCase()}@example.com,Kim,1\nann@example.com,Ann,1`;
    const { body } = await upload(file, { of: trial, template: trial.templates.email });
    assert.deepEqual(
      body.data.errors.map(({ row }: any) => row),
      [null, 3],
    );
    assert.deepEqual(body.data.faults, [{ kind: 'not-allowed', rows: 1 }]);
    assert.equal(body.data.fragments, 0);
    assert.equal(body.data.limits.international_sms, null);
  });

  describe('who may upload what', () => {
    const file = `${header}\n${ann}`;
    test('not to a template of another service, or one that is archived', async () => {
      const other = await world.addTenant();
      assert.deepEqual(refused(await upload(file, { template: other.templates.sms })), [
        404,
        'No result found',
      ]);
      assert.deepEqual(refused(await upload(file, { template: 'x' })), [404, 'No result found']);
      const id = randomUUID();
      const { db, pool } = world.connection;
      await addTemplate(db, {
        id,
        serviceId: other.id,
        type: 'sms',
        name: 'Old',
        subject: null,
        content: 'a',
      });
      await pool.query('update templates set archived = true where id = $1', [id]);
      assert.deepEqual(refused(await upload(file, { of: other, template: id })), [
        400,
        { template: ['Template has been deleted'] },
      ]);
    });

    test('not for a service that is inactive, unknown or without the permission', async () => {
      const other = await world.addTenant({ permissions: ['email'] });
      assert.deepEqual(refused(await upload(file, { of: other })), [
        400,
        'Service is not allowed to send text messages',
      ]);
      const unknown = { ...other, id: randomUUID() };
      assert.deepEqual(refused(await upload(file, { of: unknown })), [404, 'No result found']);
      await world.admin('POST', `/service/${other.id}/suspend`, {});
      const answer = await world.until(
        () => upload(file, { of: other }),
        ({ status }) => status !== 400,
      );
      assert.deepEqual(refused(answer), [403, 'Upload is not allowed: service is inactive']);
    });

    test('only by people who may send that, and seen by people who may send anything', async () => {
      const { db, pool } = world.connection;
      const user = randomUUID();
      await addUser(db, { id: user, name: 'Kim', emailAddress: `${user}@example.com`, state: 'active' });
      await addTeamMember(db, tenant.id, user);
      const may = (permissions: string) =>
        pool.query('update service_users set permissions = $2 where user_id = $1', [user, permissions]);
      const headers = { 'X-Notify-User-Id': user };
      await may('{send_emails}');
      assert.equal((await upload(file, { headers })).status, 403);
      await may('{send_texts}');
      const { body } = await upload(file, { headers });
      assert.equal(body.data.created_by, user);
      await may('{send_emails}');
      const path = at(body.data.id);
      const statuses = async () => [
        (await world.admin('GET', path, undefined, headers)).status,
        (await world.admin('POST', `${path}/row/2`, { column: 'name', value: 'A' }, headers)).status,
        (await world.admin('DELETE', path, undefined, headers)).status,
      ];
      assert.deepEqual(await statuses(), [200, 403, 403]);
      await may('{view_activity}');
      assert.deepEqual(await statuses(), [403, 403, 403]);
    });

    test('with one of its senders', async () => {
      const { body } = await upload(file, { more: `&sender_id=${tenant.senders.sms}` });
      assert.equal(body.data.sender_id, tenant.senders.sms);
      assert.deepEqual(refused(await upload(file, { more: `&sender_id=${tenant.senders.email}` })), [
        400,
        'SMS sender not found',
      ]);
    });

    test('and nobody sees the uploads of another service', async () => {
      const { body } = await upload(file);
      const other = await world.addTenant();
      for (const more of ['', '/rows', '/row/2/preview', '/csv'])
        assert.deepEqual(refused(await world.admin('GET', at(body.data.id, more, other))), [
          404,
          'No result found',
        ]);
    });
  });

  describe('the rows of a file', () => {
    const many = 1200;
    const isFaulty = (index: number) => index % 10 === 3;
    const rows = Array.from({ length: many }, (_, index) =>
      isFaulty(index) ? `12${index},Ann,1` : `0790090${String(index).padStart(4, '0')},Ann ${index},1`,
    );
    let id: string;
    before(async () => {
      ({ id } = (await upload([header, ...rows].join('\n'))).body.data);
    });

    async function all(query: string): Promise<any[]> {
      const found = [];
      for (let path = at(id, `/rows?${query}`); ; ) {
        const { status, body } = await world.admin('GET', path);
        assert.equal(status, 200, JSON.stringify(body));
        if (body.data.length === 0) return found;
        found.push(...body.data);
        path = body.links.next.slice(world.api.length);
      }
    }

    test('are paged in order, all of them, the faulty or the good ones', async () => {
      const shown = await all('');
      assert.deepEqual(
        shown.map(({ row }) => row),
        rows.map((_row, index) => index + 2),
      );
      assert.deepEqual(shown[1150].cells, rows[1150]!.split(','));
      const faulty = await all('faulty=true&kind=recipient');
      assert.equal(faulty.length, many / 10);
      assert.deepEqual(faulty[0], {
        row: 5,
        cells: ['123', 'Ann', '1'],
        faults: [{ kind: 'recipient', column: 'phone number', message: 'Mobile number is too short' }],
      });
      assert.equal((await all('faulty=false')).length, many - many / 10);
      assert.deepEqual(await all('kind=missing'), []);
      assert.deepEqual(await all('from=2000000'), []);
    });

    test('are previewed one by one', async () => {
      const { body } = await world.admin('GET', at(id, '/row/1151/preview'));
      assert.deepEqual(body.data, {
        ...{ row: 1151, recipient: '07900901149', subject: null, html: null },
        ...{ body: 'Hi Ann 1149, high tide at 1', fragments: 1, characters: 27 },
      });
      for (const row of ['0', '1', '1202', '99999999999999'])
        assert.ok((await world.admin('GET', at(id, `/row/${row}/preview`))).status < 500, row);
      const file = 'email address,name,time\nann@example.com,Ann,1';
      const email = (await upload(file, { template: tenant.templates.email })).body.data;
      assert.equal(email.preview[0].subject, 'Tide for Ann');
      const shown = (await world.admin('GET', at(email.id, '/row/2/preview'))).body.data;
      assert.deepEqual([shown.subject, shown.recipient], ['Tide for Ann', 'ann@example.com']);
      assert.match(shown.html, /high tide at 1/);
    });

    test('are too long to be previewed, if their email is too long to be sent', async () => {
      const { db } = world.connection;
      const id = randomUUID();
      const content = '((a))'.repeat(30);
      await addTemplate(db, { id, serviceId: tenant.id, type: 'email', name: 'a', subject: 'a', content });
      const file = `email address,a\nann@example.com,${'a'.repeat(100_000)}`;
      const long = (await upload(file, { template: id })).body.data;
      assert.deepEqual(long.preview, []);
      assert.equal((await world.admin('GET', at(long.id, '/row/2/preview'))).status, 400);
    });

    test('are downloaded, the faulty ones with the reason', async () => {
      const whole = (await world.admin('GET', at(id, '/csv'))).body as string;
      assert.deepEqual(whole.replace('\ufeff', '').split('\r\n'), [header, ...rows, '']);
      const faulty = (await world.admin('GET', at(id, '/csv?faulty=true'))).body as string;
      const lines = faulty.split('\r\n');
      assert.equal(lines.length, many / 10 + 2);
      assert.equal(lines[1], '123,Ann,1,phone number: Mobile number is too short');
    });

    test('cannot be formulas in a download', async () => {
      const { body } = await upload(`${header}\n="07900900123",=1+1,@x`);
      const { body: csv } = await world.admin('GET', at(body.data.id, '/csv'));
      assert.match(csv, /\r\n07900900123,'=1\+1,'@x\r\n/);
    });

    test('that are faulty can be left out, and kept as a file to finish', async () => {
      const { body } = await world.admin('POST', at(id, '/leave-out-faulty'), {});
      const { data, left_out: left } = body;
      const good = rows.filter((_row, index) => !isFaulty(index));
      const bad = rows.filter((_row, index) => isFaulty(index));
      assert.deepEqual([data.id, data.valid, data.notification_count], [id, true, good.length]);
      assert.deepEqual(
        [data.error_count, data.faults, data.fault_groups, data.fragments],
        [0, [], [], good.length],
      );
      assert.deepEqual([left.left_out_of, left.valid, left.notification_count], [id, false, bad.length]);
      assert.deepEqual(left.faults, [{ kind: 'recipient', rows: bad.length }]);
      assert.deepEqual([left.errors[0].row, left.errors[1].row], [2, 3]);
      const csv = (await world.admin('GET', at(id, '/csv'))).body as string;
      assert.deepEqual(csv.replace('\ufeff', '').split('\r\n'), [header, ...good, '']);
      const waiting = (await world.admin('GET', `/service/${tenant.id}/upload`)).body.data;
      const seen = waiting.find((one: any) => one.id === left.id);
      assert.deepEqual(
        [seen.left_out_of, seen.notification_count, seen.faulty_rows],
        [id, bad.length, bad.length],
      );
      const rest = (await world.admin('GET', at(left.id, '/csv'))).body as string;
      assert.deepEqual(rest.replace('\ufeff', '').split('\r\n'), [header, ...bad, '']);
      const { db } = world.connection;
      const cipher = createCipher([secretKey], salt);
      const records = await findRecords(db, cipher, id, 498, 503);
      assert.deepEqual(
        records.map((cells) => cells.join(',')),
        good.slice(498, 503),
      );
      const again = await world.admin('POST', at(id, '/leave-out-faulty'), {});
      assert.deepEqual(refused(again), [400, 'The file has no rows with errors']);
      const every = await world.admin('POST', at(left.id, '/leave-out-faulty'), {});
      assert.deepEqual(refused(every), [400, 'Every row of the file has an error']);
    });
  });

  describe('a cell of a file is mended', () => {
    const file = `${header}\n12,Ann,1\n07900900456,,1\n${bob},more\n`;
    const mend = async (id: string, row: number, column: string | null, value: string) => {
      const { status, body } = await world.admin('POST', at(id, `/row/${row}`), { column, value });
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    };

    test('until the file is valid', async () => {
      const { id, fragments } = (await upload(file)).body.data;
      assert.equal(fragments, 2);
      const first = await mend(id, 2, 'Phone_Number', '07900 900456');
      assert.deepEqual(first.row, { row: 2, cells: ['07900 900456', 'Ann', '1'], faults: [] });
      assert.deepEqual(first.data.faults, [
        { kind: 'missing', rows: 1 },
        { kind: 'surplus-cells', rows: 1 },
      ]);
      assert.deepEqual([first.data.fragments, first.data.duplicate_count, first.data.valid], [3, 2, false]);
      await mend(id, 3, 'name', 'Eve');
      const { data } = await mend(id, 4, null, '');
      assert.deepEqual([data.valid, data.error_count, data.faulty_rows], [true, 0, 0]);
      assert.deepEqual(data.fault_groups, []);
      const { data: worse } = await mend(id, 2, 'phone number', '');
      assert.deepEqual([worse.valid, worse.faults], [false, [{ kind: 'missing', rows: 1 }]]);
      assert.deepEqual((await world.admin('GET', at(id))).body.data, worse);
    });

    test('also where the whole column was empty', async () => {
      const { id } = (await upload(`${header}\n07900900123,Ann\n07900900456,Bob`)).body.data;
      await mend(id, 2, 'time', '14:05');
      const { data } = await mend(id, 3, 'time', '15:10');
      assert.equal(data.valid, true);
      assert.equal(data.preview[1].body, 'Hi Bob, high tide at 15:10');
    });

    test('by several people at once, and the figures are right', async () => {
      const rows = Array.from({ length: 20 }, (_, index) => `,Ann ${index},1`);
      const { id } = (await upload([header, ...rows].join('\n'))).body.data;
      await Promise.all(
        rows.flatMap((_row, index) =>
          ['07900900123', index % 2 === 0 ? '07900900456' : '12'].map((value) =>
            mend(id, index + 2, 'phone number', value),
          ),
        ),
      );
      const { data } = (await world.admin('GET', at(id))).body;
      const shown = (await world.admin('GET', at(id, '/rows'))).body.data;
      const faulty = shown.filter(({ faults }: any) => faults.length > 0).length;
      const good = shown.filter(({ cells }: any) => cells[0] !== '12');
      assert.equal(data.faulty_rows, faulty);
      assert.equal(data.fragments, good.length);
      assert.equal(data.duplicate_count, good.length - new Set(good.map(({ cells }: any) => cells[0])).size);
    });

    test('with any text, which is no fault of ours', async () => {
      const { id } = (await upload(file)).body.data;
      for (const value of ['\0', '\ud800', '=1+1', 'a'.repeat(131_072), '\u202e'])
        for (const column of ['phone number', 'name'])
          assert.equal((await world.admin('POST', at(id, '/row/2'), { column, value })).status, 200);
      for (const body of [{}, { column: 5, value: 'a' }, { column: 'fax', value: 'a' }, { column: 'name' }])
        assert.equal((await world.admin('POST', at(id, '/row/2'), body)).status, 400);
      assert.equal((await world.admin('POST', at(id, '/row/9'), { column: 'name', value: 'a' })).status, 404);
    });
  });

  test('a file of which a job was made is not changed, and is named when it comes again', async () => {
    const file = `${header}\n12,Ann,1\n${bob}`;
    const { id } = (await upload(file, { name: 'once.csv' })).body.data;
    await world.connection.pool.query(
      `insert into jobs (id, service_id, template_id, template_version, template_type, original_file_name, notification_count, status, key_type, created_at)
      values ($1, $2, $3, 1, 'sms', 'once.csv', 2, 'pending', 'normal', $4)`,
      [id, tenant.id, tenant.templates.sms, new Date(world.clock.now())],
    );
    const answers = [
      await world.admin('POST', at(id, '/row/2'), { column: 'name', value: 'A' }),
      await world.admin('POST', at(id, '/leave-out-faulty'), {}),
      await world.admin('DELETE', at(id)),
    ];
    for (const answer of answers)
      assert.deepEqual(refused(answer), [
        400,
        'A job has been made of this file, so it can no longer be changed',
      ]);
    assert.equal((await world.admin('GET', at(id))).body.data.same_file, null);
    const again = (await upload(file, { name: 'twice.csv' })).body.data;
    assert.equal(again.same_file.id, id);
    const named = (await upload(`${header}\n${ann}`, { name: 'once.csv' })).body.data;
    assert.deepEqual([named.same_file.id, named.valid], [id, true]);
  });

  test('an upload is deleted, or goes when its time is over, but not before its job', async () => {
    const { db, pool } = world.connection;
    const [gone, late, sent] = await Promise.all(
      ['a', 'b', 'c'].map(
        async (name) => (await upload(`${header}\n${ann}\n12,${name},1`)).body.data.id as string,
      ),
    );
    assert.equal((await world.admin('DELETE', at(gone!))).status, 204);
    assert.equal((await world.admin('GET', at(gone!))).status, 404);
    await pool.query(
      `insert into jobs (id, service_id, template_id, template_version, template_type, original_file_name, notification_count, status, key_type, created_at)
      values ($1, $2, $3, 1, 'sms', 'x.csv', 2, 'in progress', 'normal', now() - interval '20 days')`,
      [sent, tenant.id, tenant.templates.sms],
    );
    const inDays = (days: number) => new Date(world.clock.now() + days * 86_400_000);
    const exist = async () => [
      (await findUpload(db, createCipher([secretKey], salt), tenant.id, late!)) !== null,
      (await findUpload(db, createCipher([secretKey], salt), tenant.id, sent!)) !== null,
    ];
    await deleteExpiredUploads(db, inDays(6.9), 7, 1000);
    assert.deepEqual(await exist(), [true, true]);
    await deleteExpiredUploads(db, inDays(7.1), 7, 1000);
    assert.deepEqual(await exist(), [false, true]);
    await pool.query(`update jobs set status = 'finished', processing_finished = $2 where id = $1`, [
      sent,
      inDays(1),
    ]);
    await deleteExpiredUploads(db, inDays(7.9), 7, 1000);
    assert.deepEqual(await exist(), [false, true]);
    await deleteExpiredUploads(db, inDays(8.1), 7, 1000);
    assert.deepEqual(await exist(), [false, false]);
    const { rows } = await pool.query('select from upload_rows where upload_id = any($1)', [
      [gone, late, sent],
    ]);
    assert.equal(rows.length, 0);
  });

  test('what happened to an upload is recorded, without its rows', async () => {
    const { id } = (await upload(`${header}\n12,Ann,1\n${bob}`)).body.data;
    await world.admin('POST', at(id, '/row/2'), { column: 'name', value: 'Eve' });
    await world.admin('POST', at(id, '/leave-out-faulty'), {});
    await world.admin('DELETE', at(id));
    const { body } = await world.admin('GET', `/events?service_id=${tenant.id}`);
    const events = body.events.slice(0, 4);
    assert.deepEqual(
      events.map(({ event_type: type }: any) => type),
      ['delete_upload', 'leave_out_of_upload', 'change_upload', 'create_upload'],
    );
    assert.doesNotMatch(JSON.stringify(events), /Eve|Ann|0790/);
  });

  test('a check whose caller leaves stops, and leaves nothing behind', async () => {
    const { pool } = world.connection;
    const count = async () =>
      (await pool.query('select id from uploads where checked_at is null')).rows.length;
    const rows = `${header}\n${Array.from({ length: 60_000 }, (_, index) => `07900${900000 + index},Ann,1`).join('\n')}`;
    const leaving = new AbortController();
    const token = tokenOf(world);
    const sent = fetch(
      `${world.api}/service/${tenant.id}/upload?template_id=${tenant.templates.sms}&file_name=a.csv`,
      { method: 'POST', body: rows, headers: { Authorization: token }, signal: leaving.signal },
    );
    await world.until(count, (unfinished) => unfinished > 0);
    leaving.abort();
    await assert.rejects(sent);
    await world.until(count, (unfinished) => unfinished === 0);
    // The next one of the service has its turn.
    assert.equal((await upload(`${header}\n${ann}`)).status, 201);
  });

  test('several files of a service wait for each other, and too many are refused', async () => {
    const rows = `${header}\n${`${ann}\n`.repeat(20_000)}`;
    const answers = await Promise.all(Array.from({ length: 5 }, () => upload(rows)));
    const statuses = answers.map(({ status }) => status);
    assert.ok(statuses.filter((status) => status === 201).length >= 3, String(statuses));
    assert.ok(
      statuses.every((status) => status === 201 || status === 429),
      String(statuses),
    );
  });

  test('nothing personal is logged', async () => {
    const lines: string[] = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const log = pino({ level: 'debug', messageKey: 'message' }, sink);
    const other = await createWorld({ log });
    try {
      await other.admin(
        'POST',
        `/service/${other.tenant.id}/upload?template_id=${other.tenant.templates.sms}&file_name=Secretperson.csv`,
        `${header}\n07900900123,Secretperson,1\n12999,Secretperson,1`,
      );
    } finally {
      await other.stop();
    }
    assert.doesNotMatch(lines.join(''), /Secretperson|900123|12999/);
  });
});

function tokenOf({ credentials, clock }: World): string {
  return `Bearer ${signToken(credentials.admin.issuer, credentials.admin.secret, clock.now())}`;
}
