import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';

/** What a press of Tab led to, as the page itself tells. `fault`: why somebody who looks cannot see it. */
type Focus = Readonly<{ what: string; isFound: boolean; fault: string | null }>;

/**
 * Moves the focus with Tab until it is on what `selector` names. Asserts at every step that the focus can be seen, is
 * within the window and not covered (spec 07, section 14).
 */
export async function tabTo(page: Page, selector: string): Promise<void> {
  const passed: string[] = [];
  for (let presses = 0; presses < 120; presses += 1) {
    await page.keyboard.press('Tab');
    const { what, isFound, fault } = await focusOf(page, selector);
    assert.equal(fault, null, `on the way to ${selector}, ${what} has the focus, but ${fault}`);
    if (isFound) return;
    passed.push(what);
  }
  assert.fail(`Tab does not lead to ${selector}, only to ${passed.join(', ')}`);
}

/** Moves the focus to what `selector` names and presses Enter on it. */
export async function press(page: Page, selector: string): Promise<void> {
  await tabTo(page, selector);
  await page.keyboard.press('Enter');
}

async function focusOf(page: Page, selector: string): Promise<Focus> {
  return (await page.evaluate(`(${look})(${JSON.stringify(selector)})`)) as Focus;
}

/** Runs in the page, whose script is not checked against the types of Node.js. */
const look = `(selector) => {
  const one = document.activeElement;
  // Behind the last one the focus leaves the document.
  if (one === null || one === document.body) return { what: 'nothing', isFound: false, fault: null };
  const text = (one.innerText || one.name || one.id || '').trim().slice(0, 40);
  const what = one.tagName.toLowerCase() + ' “' + text + '”';
  const labels = [...(one.labels ?? [])];

  // Radios and checkboxes are drawn beside their label.
  const drawn = [[one], [one, '::before'], [one, '::after'], ...labels.map((label) => [label, '::before'])];
  const isDrawn = drawn.some(([element, part]) => {
    const { outlineStyle, outlineWidth, outlineColor, boxShadow } = getComputedStyle(element, part);
    const isOutlined = outlineStyle !== 'none' && parseFloat(outlineWidth) > 0 && !/^rgba.*, 0\\)$/.test(outlineColor);
    return isOutlined || boxShadow !== 'none';
  });

  const boxes = [...one.getClientRects()].filter(({ width, height }) => width > 0 && height > 0);
  const faultOf = ({ left, right, top, bottom }) => {
    // Of what is larger than the window, a part can be seen.
    const isLarge = bottom - top > innerHeight || right - left > innerWidth;
    if (!isLarge && (top < 0 || left < 0 || bottom > innerHeight + 1 || right > innerWidth + 1))
      return 'it is outside the window';
    const [first, last] = [Math.max(left, 0), Math.min(right, innerWidth)];
    const [above, below] = [Math.max(top, 0), Math.min(bottom, innerHeight)];
    if (first >= last || above >= below) return 'it is outside the window';
    for (const across of [0.1, 0.5, 0.9])
      for (const down of [0.2, 0.5, 0.8]) {
        const hit = document.elementFromPoint(first + (last - first) * across, above + (below - above) * down);
        const isOwn = hit !== null && (one.contains(hit) || labels.some((label) => label.contains(hit)));
        if (!isOwn) return 'it is covered by ' + (hit === null ? 'something' : hit.tagName.toLowerCase() + '.' + hit.className);
      }
    return null;
  };
  const fault = !isDrawn
    ? 'nothing shows it'
    : boxes.length === 0
      ? 'it has no size'
      : (boxes.map(faultOf).find((found) => found !== null) ?? null);
  return { what, isFound: one.matches(selector), fault };
}`;
