import type { Locator, Page } from 'playwright-core';
import type { WebWorld } from '../support/web.ts';

/**
 * Waits until something is on the page, as a patient person does: on a machine under load the API can be late, which a
 * page says with a way to try again.
 */
export async function seen(world: WebWorld, page: Page, wanted: Locator, seconds = 60): Promise<void> {
  await world.until(
    async () => {
      const isThere = (await wanted.count()) > 0;
      const again = page.getByText('Try again', { exact: true });
      if (!isThere && (await again.count()) > 0) await again.first().click();
      return isThere;
    },
    (isThere) => isThere,
    seconds,
  );
}
