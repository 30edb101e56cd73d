// @ts-check
/**
 * What script adds to pages that work without it: the design system's own behaviour, live regions, copying,
 * previews while typing, and progress of an upload. Sections 2 and 10 of docs/spec/07-web-pages.md.
 */
import { initAll } from 'govuk-frontend';
import { Idiomorph } from 'idiomorph';

initAll();

/** @type {any} */
const types = /** @type {any} */ (window).trustedTypes;
/** Markup comes from our own server only. */
const policy = types
  ? types.createPolicy('despatch', { createHTML: (/** @type {string} */ text) => text })
  : null;

/** @param {string} text @returns {Element[]} */
function parse(text) {
  const parsed = new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, 'text/html');
  return [...parsed.body.children];
}

/**
 * Replaces a region by its new form: focus, what is typed and open folds stay.
 * @param {string} text
 */
function merge(text) {
  for (const next of parse(text)) {
    const now = next.id ? document.getElementById(next.id) : null;
    if (!now) continue;
    Idiomorph.morph(now, next, {
      ignoreActiveValue: true,
      callbacks: {
        beforeAttributeUpdated: (/** @type {string} */ name, /** @type {Element} */ node) =>
          !(node.tagName === 'DETAILS' && name === 'open'),
      },
    });
  }
}

// Live regions: one stream for all of a page; polls when it breaks three times.
const lives = document.querySelectorAll('[data-live]');
if (lives.length > 0) {
  // The page's own, unless a region names another: the answer to a form is not at the address of the form.
  const named = /** @type {HTMLElement} */ (lives[0]).dataset['live'];
  const address = new URL(named || location.href, location.href);
  address.hash = '';
  let faults = 0;
  /** @type {EventSource | null} */
  let stream = null;
  /** @type {number | undefined} */
  let timer;
  const open = () => {
    if (stream || timer !== undefined || document.hidden) return;
    address.searchParams.set('_live', '1');
    stream = new EventSource(address);
    stream.addEventListener('region', (event) => {
      faults = 0;
      merge(event.data);
    });
    stream.addEventListener('over', () => close());
    stream.addEventListener('error', () => {
      faults += 1;
      if (faults < 3) return;
      close();
      timer = window.setInterval(poll, 10_000);
    });
  };
  const close = () => {
    stream?.close();
    stream = null;
  };
  const poll = async () => {
    if (document.hidden) return;
    address.searchParams.set('_live', '0');
    const answer = await fetch(address, { headers: { Accept: 'text/html' } }).catch(() => null);
    if (answer?.ok) merge(await answer.text());
  };
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  open();
}

// A form that is sent once is not sent again by a second click.
document.addEventListener('submit', (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  // What is shown in a frame of the page can be asked for as often as one likes.
  if (event.submitter?.hasAttribute('formtarget')) return;
  if (form.dataset['sent'] && Date.now() - Number(form.dataset['sent']) < 3000) event.preventDefault();
  else form.dataset['sent'] = String(Date.now());
});

// Copying: the button names the element whose text it copies.
for (const button of document.querySelectorAll('button[data-copy]')) {
  /** @type {HTMLButtonElement} */ (button).hidden = false;
  button.addEventListener('click', async () => {
    const source = document.getElementById(/** @type {HTMLElement} */ (button).dataset['copy'] ?? '');
    await navigator.clipboard.writeText(source?.textContent ?? '');
    const said = document.getElementById('said-quietly');
    if (said) said.textContent = 'Copied.';
  });
}

/**
 * Shows the email that a form holds in the frame within it. A new frame replaces the old one once it has loaded, so
 * that nothing flickers and the way back in the browser's history stays short.
 * @param {Element} form
 */
function showMail(form) {
  const frames = form.querySelectorAll('iframe[data-mail]');
  const old = /** @type {HTMLIFrameElement | undefined} */ (frames[0]);
  if (!old || !(form instanceof HTMLFormElement)) return;
  for (const late of [...frames].slice(1)) late.remove();
  const next = /** @type {HTMLIFrameElement} */ (old.cloneNode());
  next.removeAttribute('src');
  next.name = `mail-${Date.now()}`;
  next.classList.add('app-mail__next');
  old.after(next);
  next.addEventListener('load', () => {
    old.remove();
    next.classList.remove('app-mail__next');
  });
  const { action, target } = form;
  form.action = old.dataset['mail'] ?? '';
  form.target = next.name;
  form.submit();
  form.action = action;
  form.target = target;
}

for (const frame of document.querySelectorAll('iframe[data-mail]:not([src])')) {
  const form = frame.closest('form');
  if (form) showMail(form);
}

// Preview while typing: the form is sent to the address of its preview after a pause, and the answer merged.
for (const form of document.querySelectorAll('form[data-preview]')) {
  /** @type {number | undefined} */
  let timer;
  /** @type {AbortController | null} */
  let asking = null;
  form.addEventListener('input', () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(async () => {
      asking?.abort();
      asking = new AbortController();
      const body = new URLSearchParams(
        /** @type {any} */ (new FormData(/** @type {HTMLFormElement} */ (form))),
      );
      const address = /** @type {HTMLElement} */ (form).dataset['preview'] ?? '';
      const answer = await fetch(address, { method: 'POST', body, signal: asking.signal }).catch(() => null);
      if (answer?.ok) merge(await answer.text());
      showMail(form);
    }, 300);
  });
}

// Uploads show how much has arrived.
for (const form of document.querySelectorAll('form[data-upload]')) {
  form.addEventListener('submit', (event) => {
    const bar = form.querySelector('progress');
    if (!bar) return;
    event.preventDefault();
    bar.hidden = false;
    const request = new XMLHttpRequest();
    request.upload.addEventListener('progress', ({ loaded, total }) => {
      bar.max = total;
      bar.value = loaded;
    });
    request.addEventListener('load', () => {
      const to = request.getResponseHeader('X-Despatch-Location');
      if (to) location.assign(to);
      else {
        const page = new DOMParser().parseFromString(
          policy ? policy.createHTML(request.responseText) : request.responseText,
          'text/html',
        );
        document.title = page.title;
        document
          .getElementById('main-content')
          ?.replaceWith(/** @type {Element} */ (page.getElementById('main-content')));
        initAll();
      }
    });
    request.addEventListener('error', () => /** @type {HTMLFormElement} */ (form).submit());
    request.open('POST', /** @type {HTMLFormElement} */ (form).action);
    request.setRequestHeader('X-Despatch-Script', '1');
    request.send(new FormData(/** @type {HTMLFormElement} */ (form)));
  });
}
