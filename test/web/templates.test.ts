import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { createWebWorld, everyPermission, type Seen, type Visitor, type WebWorld } from '../support/web.ts';

const hostile = `<img src=x onerror=alert(1)>"'&`;

suite('templates (spec 07, section 6)', () => {
  let world: WebWorld;
  let writer: Visitor;
  let at: string;
  let api: string;
  before(async () => {
    world = await createWebWorld();
    writer = await world.person(everyPermission);
    at = `/services/${world.tenant.id}/templates`;
    api = `/service/${world.tenant.id}`;
  });
  after(() => world.stop());

  const make = async (body: object = {}): Promise<string> => {
    const { status, body: made } = await world.admin('POST', `${api}/template`, {
      ...{ name: 'Ferry', template_type: 'sms', content: 'Ferry at ((time))', created_by: writer.userId },
      ...body,
    });
    assert.equal(status, 201, JSON.stringify(made));
    return made.data.id;
  };
  const read = async (id: string) => (await world.admin('GET', `${api}/template/${id}`)).body.data;
  const folder = async (name: string, parent: string | null = null): Promise<string> =>
    (await world.admin('POST', `${api}/template-folder`, { name, parent_id: parent })).body.data.id;
  const redirected = (seen: Seen): string => {
    assert.equal(seen.status, 303, seen.text);
    return seen.location!;
  };
  const idIn = (location: string) => /templates\/([0-9a-f-]{36})/.exec(location)![1]!;

  test('an empty service gets three examples to start from, and one leads to a filled-in editor', async () => {
    const other = await world.addTenant();
    for (const id of Object.values(other.templates))
      await world.admin('POST', `/service/${other.id}/template/${id}`, { archived: true });
    const reader = await world.person(everyPermission, other.id);
    const { text } = await reader.get(`/services/${other.id}/templates`);
    assert.match(text, /There are no templates yet/);
    const links = [...text.matchAll(/href="([^"]+\?from=[^"]+)"/g)].map(([, href]) => href!);
    assert.equal(links.length, 3);
    assert.match((await reader.get(links[0]!)).text, /Hello \(\(name\)\), you have an appointment/);
  });

  test('a template is added by type, in its folder, and what is missing is said with all that was typed', async () => {
    const inside = await folder('Adding');
    assert.match((await writer.get(`${at}/add`)).text, /What kind of message is it\?/);
    assert.equal((await writer.get(`${at}/add?type=`)).status, 400);
    const path = `${at}/add?type=email&folder=${inside}`;
    const fields = { type: 'email', folder: inside, do: 'save' };
    const refused = await writer.submit(
      path,
      { ...fields, content: hostile, name: '', subject: ' ' },
      `${at}/add`,
    );
    assert.equal(refused.status, 400);
    assert.match(refused.title, /^Error: /);
    for (const error of ['Enter a name for the template', 'Enter a subject'])
      assert.match(refused.text, new RegExp(`<a href="#\\w+">${error}`));
    assert.ok(refused.text.includes('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;'));
    const made = redirected(
      await writer.submit(
        path,
        { ...fields, name: hostile, subject: 'Hi', content: 'Dear ((name))' },
        `${at}/add`,
      ),
    );
    const { text } = await writer.get(made);
    assert.match(text, /Template saved\./);
    assert.ok(!text.includes('<img src=x'));
    assert.equal((await read(idIn(made))).folder, inside);
  });

  test('a text that is too long for any message is refused in the API’s words, and kept', async () => {
    const fields = { type: 'sms', name: 'Long', content: 'x'.repeat(919), do: 'save' };
    const refused = await writer.submit(`${at}/add?type=sms`, fields, `${at}/add`);
    assert.equal(refused.status, 400);
    assert.match(refused.text, /character count greater than the limit of 918/);
    assert.match(refused.text, /1 character too long: the most is 918/);
    assert.ok(refused.text.includes('x'.repeat(919)));
  });

  test('the preview says what a text costs and why, marks what makes it dearer, and lets examples be typed over', async () => {
    const fields = { type: 'sms', content: `${'x'.repeat(80)} ((tide))`, 'value:tide': 'ŵ' };
    const { status, text } = await writer.submit(`${at}/add?type=sms`, fields, `${at}/preview`);
    assert.equal(status, 200);
    assert.match(text, /^<div id="preview">/);
    assert.match(text, /2 text messages, because of ŵ: [\d.]+p each\. With w it is 1, [\d.]+p\./);
    assert.match(text, /<mark class="app-mark">ŵ<\/mark>/);
    assert.match(text, /ŵ in this example makes the message dearer/);
    const unscripted = await writer.submit(
      `${at}/add?type=sms`,
      { ...fields, do: 'preview', name: 'Kept' },
      `${at}/add`,
    );
    assert.equal(unscripted.status, 200);
    assert.match(unscripted.text, /because of ŵ/);
    assert.match(unscripted.text, /value="Kept"/);
  });

  test('an email is shown at an address of its own, which loads and runs nothing', async () => {
    const id = await make({ template_type: 'email', subject: 'Hi', content: `# Tide\n\n${hostile}` });
    const page = await writer.get(`${at}/${id}`);
    assert.match(page.text, new RegExp(`<iframe [^>]*sandbox="[^"]*" src="${at}/${id}/mail"`));
    const mail = await writer.get(`${at}/${id}/mail`);
    const policy = mail.headers.get('content-security-policy')!;
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /sandbox/);
    assert.doesNotMatch(policy, /script-src/);
    assert.ok(!mail.text.includes('<img'));
    const fields = { type: 'email', subject: 'Hi', content: 'Dear ((name))', 'value:name': hostile };
    const draft = await writer.submit(`${at}/${id}/edit`, fields, `${at}/preview/mail`);
    assert.equal(draft.headers.get('content-security-policy'), policy);
    assert.match(draft.text, /Dear &lt;img/);
  });

  test('saving says which placeholders came and went, and which keys sent the old version this week', async () => {
    const id = await make();
    const sent = await world.call('POST', '/v2/notifications/sms', {
      body: { template_id: id, phone_number: '07700900123', personalisation: { time: '14:05' } },
    });
    assert.equal(sent.status, 201);
    await world.drain();
    const fields = { name: 'Ferry', content: 'Ferry on ((day))', version: '1', do: 'save' };
    const to = redirected(await writer.submit(`${at}/${id}/edit`, fields));
    assert.equal(to, `${at}/${id}?since=1`);
    const { text } = await writer.get(to);
    assert.match(text, /Saved as version 2\./);
    assert.match(text, /New placeholder: <strong dir="auto">day<\/strong>/);
    assert.match(text, /No longer used: <strong dir="auto">time<\/strong>/);
    assert.match(
      text,
      /These keys sent version 1 in the last 7 days[^.]*<strong dir="auto">a normal key<\/strong>/,
    );
    const again = await writer.submit(`${at}/${id}/edit`, { ...fields, version: '2' });
    assert.match((await writer.follow(again)).text, /Nothing was changed\./);
  });

  test('what somebody else saved meanwhile is shown beside one’s own, and nothing is lost', async () => {
    const id = await make();
    await world.admin('POST', `${api}/template/${id}`, {
      content: 'Boat at ((time))',
      created_by: writer.userId,
    });
    const mine = { name: 'Ferry', content: 'Ferry leaves at ((time))', version: '1', do: 'save' };
    const refused = await writer.submit(`${at}/${id}/edit`, mine);
    assert.equal(refused.status, 409);
    assert.match(refused.text, /Sam Ferry<\/span> saved version 2 of this template while you were writing/);
    assert.match(refused.text, /Boat at \(\(time\)\)/);
    assert.match(refused.text, /<del>Boat<\/del><ins>Ferry leaves<\/ins>/);
    assert.match(refused.text, /name="version" value="2"/);
    redirected(await writer.submit(`${at}/${id}/edit`, { ...mine, version: '2' }));
    assert.equal((await read(id)).content, 'Ferry leaves at ((time))');
  });

  test('saving sends it to oneself with the example values, if that is asked for', async () => {
    const id = await make();
    const fields = {
      name: 'Ferry',
      content: 'Boat at ((time))',
      version: '1',
      do: 'me',
      'value:time': '23:59',
    };
    const seen = await writer.follow(await writer.submit(`${at}/${id}/edit`, fields));
    assert.match(seen.text, /Saved as version 2\. It is on its way to you\./);
    const { messages } = await world.until(
      () => world.sandbox('/messages?type=sms&q=23:59'),
      (value) => value.messages.length > 0,
    );
    assert.match(JSON.stringify(messages[0]), /Boat at 23:59/);
  });

  test('folders hold templates: added, opened, renamed, and deleted only when empty', async () => {
    assert.equal((await writer.submit(`${at}/folders/add`, { name: ' ' })).status, 400);
    const opened = redirected(await writer.submit(`${at}/folders/add`, { name: hostile, parent: '' }));
    const id = opened.split('folder=')[1]!;
    assert.match((await writer.get(opened)).text, /There is nothing in this folder\./);
    const template = await make({ name: 'Inside' });
    const none = await writer.submit(at, { do: 'move', to: id });
    assert.equal(none.status, 400);
    assert.match(none.text, /Choose at least one template or folder/);
    assert.match((await writer.submit(at, { do: 'move', template })).text, /Choose where to move them/);
    redirected(await writer.submit(at, { do: 'move', template, to: id }));
    assert.match((await writer.get(opened)).text, /Inside/);
    assert.match(
      (await writer.get(`${at}?q=insi`)).text,
      new RegExp(`${template}.*in <span dir="auto">&lt;img`),
    );
    const full = await writer.submit(`${at}/folders/${id}`, { do: 'delete' });
    assert.equal(full.status, 400);
    assert.match(full.text, /Only an empty folder can be deleted/);
    redirected(await writer.submit(`${at}/folders/${id}`, { do: 'save', name: 'Renamed' }));
    assert.match((await writer.get(opened)).text, /Renamed/);
    redirected(await writer.submit(at, { do: 'move', template, to: 'top', here: id }));
    redirected(await writer.submit(`${at}/folders/${id}`, { do: 'delete' }));
    assert.equal((await writer.get(opened)).status, 404);
  });

  test('templates are copied, one from its page or several from the list', async () => {
    const id = await make({ name: 'Original' });
    const copied = redirected(await writer.submit(`${at}/${id}`, { do: 'copy' }));
    assert.match(copied, /\/edit$/);
    assert.equal((await read(idIn(copied))).name, 'Copy of Original');
    const said = await writer.follow(await writer.submit(at, { do: 'copy', template: [id, idIn(copied)] }));
    assert.match(said.text, /2 templates were copied\./);
    assert.match(said.text, /Copy of Copy of Original/);
  });

  test('the list says how often and when each was used, to those who may know', async () => {
    const id = await make({ name: 'Used', content: 'Used' });
    await world.call('POST', '/v2/notifications/sms', {
      body: { template_id: id, phone_number: '07700900123' },
    });
    await world.drain();
    const row = (text: string) =>
      new RegExp(`<tr[^>]*>(?:(?!</tr>).)*${id}(?:(?!</tr>).)*</tr>`).exec(text)![0];
    const shown = row((await writer.get(`${at}?q=Used`)).text);
    assert.match(shown, /Last used"><time[^>]*>\d+\s\w+\s20\d\d at/);
    assert.match(shown, /Sent in 7 days">1</);
    const reader = await world.person([]);
    const { status, text } = await reader.get(at);
    assert.equal(status, 200);
    assert.doesNotMatch(text, /Last used|New template|type="checkbox"/);
  });

  test('deleting is confirmed, says what it means, and can be taken back', async () => {
    const id = await make({ name: hostile });
    const { text } = await writer.get(`${at}/${id}/delete`);
    assert.match(text, /Programs that send it will be refused/);
    assert.match(text, /It has never been used\./);
    redirected(await writer.submit(`${at}/${id}/delete`, {}));
    assert.match((await writer.get(`${at}/${id}`)).text, /nothing can be sent with it/);
    assert.equal((await writer.get(`${at}/${id}/edit`)).status, 303);
    const deleted = await writer.get(`${at}/deleted`);
    assert.ok(deleted.text.includes(id) && !deleted.text.includes('<img src=x'));
    redirected(await writer.submit(`${at}/deleted`, { template: id }));
    assert.equal((await read(id)).archived, false);
  });

  test('versions say who changed which words, and an old one can be restored', async () => {
    const id = await make();
    await world.admin('POST', `${api}/template/${id}`, {
      content: 'Boat at ((time))',
      created_by: writer.userId,
    });
    const { text } = await writer.get(`${at}/${id}/versions`);
    assert.match(text, /Version 2, in use now/);
    assert.match(text, /<del>Ferry<\/del><ins>Boat<\/ins> at/);
    assert.match(text, /Sam Ferry<\/span>, \d+ \w+ 20\d\d at/);
    const seen = await writer.follow(await writer.submit(`${at}/${id}/versions`, { version: '1' }));
    assert.match(seen.text, /Version 1 is restored, as version 3\./);
    assert.equal((await read(id)).content, 'Ferry at ((time))');
    assert.equal((await writer.submit(`${at}/${id}/versions`, { version: '99' })).status, 404);
    const same = await writer.follow(await writer.submit(`${at}/${id}/versions`, { version: '3' }));
    assert.match(same.text, /like that already/);
  });

  suite('sending to one person', () => {
    test('recipient and values, a look at it with its price, and it is sent once', async () => {
      const id = await make({ content: 'Ferry at ((time)) ((late??Hurry))' });
      const path = `${at}/${id}/send`;
      const mine = await writer.submit(path, { do: 'mine', 'value:time': '8:15' });
      assert.match(
        mine.text,
        /name="to"[^>]*value="\+?44 ?7700 ?900 ?321|name="to"[^>]*value="07700 900 ?321/,
      );
      assert.match(mine.text, /value="8:15"/);
      const empty = await writer.submit(path, { do: 'check' });
      assert.equal(empty.status, 400);
      for (const error of ['Enter a phone number', 'Enter a value for time'])
        assert.match(empty.text, new RegExp(`<a href="#[\\w-]+">${error}`));
      assert.doesNotMatch(empty.text, /Enter a value for late/);
      const fields = { to: '07700 900123', 'value:time': `8:15 ${hostile}`, 'value:late': 'yes' };
      const check = await writer.submit(path, { ...fields, do: 'check' });
      assert.equal(check.status, 200);
      assert.match(check.text, /Nothing has been sent yet/);
      assert.match(check.text, /Ferry at 8:15 &lt;img[^<]*Hurry/);
      assert.match(check.text, /1 text message: [\d.]+p\./);
      const hidden = ['_token', '_form'].map(
        (name) =>
          [name, new RegExp(`name="${name}" value="([^"]*)"`).exec(check.text)![1]!] as [string, string],
      );
      const body = new URLSearchParams([...hidden, ...Object.entries({ ...fields, do: 'send' })]).toString();
      const locations = [
        redirected(await writer.post(path, body)),
        redirected(await writer.post(path, body)),
      ];
      assert.match(locations[0]!, /\/messages\/[0-9a-f-]{36}$/);
      assert.equal(locations[0], locations[1]);
      assert.ok(!locations[0]!.includes('07700'));
    });

    test('what the API refuses is said at its field, and nothing typed is lost', async () => {
      const id = await make({ content: 'Ferry at ((time))' });
      const send = (to: string, visitor = writer, path = `${at}/${id}/send`) =>
        visitor.submit(path, { to, 'value:time': '8:15', do: 'send' });
      const short = await send('0770');
      assert.equal(short.status, 400);
      assert.match(short.text, /<a href="#to">[^<]+<\/a>/);
      assert.match(short.text, /value="8:15"/);
      const other = await world.addTenant();
      await world.admin('POST', `/service/${other.id}`, { restricted: true });
      const sender = await world.person(everyPermission, other.id);
      const path = `/services/${other.id}/templates/${other.templates.sms}/send`;
      assert.match((await sender.get(path)).text, /in trial: you can send to yourself/);
      const trial = await sender.submit(path, {
        ...{ to: '07700 900999', 'value:name': 'A', 'value:time': 'B', do: 'send' },
      });
      assert.equal(trial.status, 400);
      assert.match(trial.text, /trial mode/);
    });

    test('whoever may send, but not see what others sent, sees what became of theirs', async () => {
      const id = await make({ content: 'Ferry' });
      const sender = await world.person(['send_texts']);
      const sent = await sender.submit(`${at}/${id}/send`, { to: '07700 900123', do: 'send' });
      assert.match((await sender.follow(sent)).text, /The message is on its way\./);
    });

    test('the daily limit is said in the API’s words', async () => {
      const other = await world.addTenant();
      await world.admin('POST', `/service/${other.id}`, { sms_message_limit: 1 });
      const sender = await world.person(everyPermission, other.id);
      const path = `/services/${other.id}/templates/${other.templates.sms}/send`;
      const refused = await world.until(
        () => sender.submit(path, { to: '07700 900999', 'value:name': 'A', 'value:time': 'B', do: 'send' }),
        ({ status }) => status === 400,
      );
      assert.match(refused.text, /Exceeded send limits/);
    });
  });

  test('each page says which permission is missing, and another service’s ids are not found', async () => {
    const id = await make();
    const reader = await world.person(['send_texts']);
    for (const path of [
      '/add',
      '/folders/add',
      '/deleted',
      `/${id}/edit`,
      `/${id}/versions`,
      `/${id}/delete`,
    ]) {
      const { status, text } = await reader.get(at + path);
      assert.equal(status, 403, path);
      assert.match(text, /Write templates/);
    }
    assert.equal((await (await world.person(['view_activity'])).get(`${at}/${id}/send`)).status, 403);
    const email = await make({ template_type: 'email', subject: 'Hi' });
    assert.equal((await reader.get(`${at}/${email}/send`)).status, 403);
    assert.equal((await reader.submit(at, { do: 'move', template: id, to: 'top' })).status, 303);
    assert.equal((await reader.submit(`${at}/${id}`, { do: 'copy' })).location, `${at}/${id}`);
    const other = await world.addTenant();
    for (const foreign of [other.templates.sms, randomUUID(), 'nonsense']) {
      for (const path of ['', '/mail', '/edit', '/versions', '/delete', '/send'])
        assert.equal((await writer.get(`${at}/${foreign}${path}`)).status, 404, foreign + path);
      assert.equal((await writer.get(`${at}/folders/${foreign}`)).status, 404);
      assert.equal((await writer.get(`${at}?folder=${foreign}`)).status, 404);
      assert.equal((await writer.submit(`${at}/deleted`, { template: foreign })).status, 404);
    }
    assert.equal((await writer.get(`/services/${other.id}/templates`)).status, 404);
  });
});
