import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import {
  complaintsOf,
  createWebWorld,
  everyPermission,
  openBrowser,
  skipWithoutChromium,
  type WebWorld,
} from '../support/web.ts';

suite('journey 6: the team (spec 07, section 8)', { skip: skipWithoutChromium }, () => {
  let world: WebWorld;
  let browser: Browser;
  before(async () => {
    world = await createWebWorld();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
  });

  for (const javaScriptEnabled of [true, false])
    test(`people are invited in 3 pages and join, ${javaScriptEnabled ? 'with script' : 'without script'}`, async () => {
      const { id } = await world.addTenant({});
      const userId = await world.addUser(everyPermission, id);
      const context = await browser.newContext({ javaScriptEnabled });
      const complaints = complaintsOf(context);
      const page = await context.newPage();
      await page.goto(await world.signInLink(userId));
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { level: 1 }).waitFor();

      // The pages of the journey: the team, the form, the team.
      await page.goto(`${world.webUrl}/services/${id}/team`);
      await page.getByText('You are alone').waitFor();
      await page.getByRole('button', { name: 'Invite people' }).click();
      const address = `ash.${randomUUID().slice(0, 8)}@harbour.example`;
      await page.getByLabel('Email addresses').fill(`${address}\nbay.${address}`);
      await page.getByLabel('Send', { exact: true }).check();
      await page.getByRole('button', { name: 'Send the invitations' }).click();
      await page.getByText('2 invitations are on their way.').waitFor();
      await page.getByRole('button', { name: `Send again the invitation to ${address}` }).click();
      await page.getByText('The invitation is sent again.').waitFor();
      await page.getByRole('button', { name: `Withdraw the invitation to bay.${address}` }).click();
      await page.getByText('The invitation is withdrawn.').waitFor();

      const guest = await browser.newContext({ javaScriptEnabled });
      complaintsOf(guest, complaints);
      const other = await guest.newPage();
      await other.goto(world.webUrl + (await world.linkFor(address, '/invitation/')));
      await other.getByLabel('Full name').fill('Ash Quay');
      await other.getByLabel('Mobile number').fill('07700 900 444');
      await other.getByLabel('New password').fill('an unusual passphrase');
      await other.getByRole('button', { name: 'Create my account and join' }).click();
      await other.getByLabel('Code', { exact: true }).fill(await world.codeFor('447700900444'));
      await other.getByRole('button', { name: 'Continue' }).click();
      await other.waitForURL(`${world.webUrl}/services/${id}`);

      await page.reload();
      await page.getByRole('link', { name: 'Ash Quay' }).click();
      assert.ok(await page.getByLabel('Send', { exact: true }).isChecked());
      await page.getByRole('link', { name: 'Remove from the team' }).click();
      await page.getByRole('button', { name: 'Remove' }).click();
      await page.getByText('They are removed from the team.').waitFor();
      assert.deepEqual(
        complaints.filter((text) => !/404/.test(text)),
        [],
      );
      await guest.close();
      await context.close();
    });

  test('a password and a code sign in', async () => {
    const userId = await world.addUser(everyPermission);
    const email = (await world.admin('GET', `/user/${userId}`)).body.data.email_address as string;
    const context = await browser.newContext();
    const complaints = complaintsOf(context);
    const page = await context.newPage();
    await page.goto(`${world.webUrl}/account`);
    await page.getByLabel('Email address').fill(email);
    await page.getByLabel('Password').fill('an unusual passphrase');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('Code', { exact: true }).fill(await world.codeFor('447700900321'));
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForURL(`${world.webUrl}/account`);
    await page.getByRole('heading', { name: 'Your account' }).waitFor();
    assert.deepEqual(complaints, []);
    await context.close();
  });
});
