import { Html, html } from '../../ground/html.ts';
import { notificationBanner } from '../components/content.ts';
import { button, input } from '../components/form.ts';
import { backLink, type NavigationItem, serviceNavigation, skipLink } from '../components/navigation.ts';
import type { Assets } from './assets.ts';
import { supportScript } from './headers.ts';
import type { Answer, Said, Service, Visit } from './page.ts';

type PageAnswer = Extract<Answer, { kind: 'page' }>;

export type Frame = Readonly<{
  assets: Assets;
  visit: Visit;
  /** The service whose page it is; null: none. */
  service: Service | null;
  /** What the page before said; null: nothing. */
  said: Said | null;
  /** The session ends within minutes. */
  endsSoon: boolean;
}>;

/** The whole document of a page (spec 07, section 5). */
export function layout(answer: PageAnswer, frame: Frame): string {
  const { title, main, back, isError = false, wide = false } = answer;
  const { assets, visit, service, said, endsSoon } = frame;
  const { productName } = visit.site;
  const names = [title, service?.name, productName].filter(Boolean).join(' – ');
  const content = html`<!DOCTYPE html>
<html lang="en" class="govuk-template">
<head><meta charset="utf-8"><title>${isError ? 'Error: ' : ''}${names}</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"><meta name="color-scheme" content="${visit.theme === 'system' ? 'light dark' : visit.theme}">
<link rel="icon" href="${assets.icon}" type="image/svg+xml"><link rel="stylesheet" href="${assets.style[visit.theme]}"><script type="module" src="${assets.script}"></script></head>
<body class="govuk-template__body"><script>${new Html(supportScript)}</script>
${skipLink({ text: 'Skip to main content', href: '#main-content' })}
<header>${header(frame)}${service ? serviceBar(visit, service) : null}${isOperatorPage(visit) ? operatorBar(visit) : null}</header>
<div class="govuk-width-container">${back ? backLink(back) : null}
<main class="govuk-main-wrapper" id="main-content">
${endsSoon ? notificationBanner({ text: html`<p class="govuk-notification-banner__heading">You will be signed out within 10 minutes. <a class="govuk-notification-banner__link" href="/sign-in" target="_blank" rel="opener">Sign in again in a new tab</a> to go on.</p>` }) : null}${saidBanner(said)}${wide ? main : html`<div class="govuk-grid-row"><div class="govuk-grid-column-two-thirds">${main}</div></div>`}
<div id="said-quietly" class="govuk-visually-hidden" role="status"></div></main></div>
<footer class="app-footer"><div class="govuk-width-container"><h2 class="govuk-visually-hidden">Support links</h2><ul class="govuk-body"><li><a class="govuk-link" href="/help">Help</a></li><li><a class="govuk-link" href="/accessibility">Accessibility</a></li></ul></div></footer>
</body></html>`;
  return content.text;
}

function saidBanner(said: Said | null): Html | null {
  if (said === null) return null;
  return typeof said === 'string'
    ? notificationBanner({ text: said, type: 'success' })
    : notificationBanner({ text: said.notDone });
}

function header({ assets, visit }: Frame): Html {
  const { person, site, fields } = visit;
  const picture = assets.logo === null ? null : html`<img src="${assets.logo}" alt="">`;
  const account = person
    ? html`<nav aria-label="Account"><ul class="app-header__menu govuk-body"><li><a class="govuk-link" href="/services">Services</a></li>${
        person.isOperator ? html`<li><a class="govuk-link" href="/platform">Platform</a></li>` : null
      }<li><a class="govuk-link" href="/account">Account</a></li><li><form method="post" action="/sign-out">${fields}<button class="app-plain-button">Sign out</button></form></li></ul></nav>`
    : null;
  return html`<div class="app-header"><div class="govuk-width-container app-header__inner"><a class="govuk-link app-header__name" href="/">${picture}${site.productName}</a>${account}</div></div>`;
}

/** Pages that the navigation does not name, and the entry that they belong to. */
const parts: Readonly<Record<string, string>> = {
  '/uploads': '/files',
  '/contact-lists': '/files',
  '/downloads': '/messages',
  '/find': '/messages',
  '/history': '/settings',
};

/** The pages of a service, in the order of their use. What one may not open is not offered. */
function serviceBar(visit: Visit, { id, name, active, restricted }: Service): Html {
  const base = `/services/${id}`;
  const own = visit.person?.permissions[id] ?? [];
  const may = (...needed: string[]) =>
    (visit.person?.isOperator ?? false) || needed.some((permission) => own.includes(permission));
  const entries: (readonly [text: string, path: string, isShown: boolean])[] = [
    ['Dashboard', '', true],
    ['Templates', '/templates', true],
    ['Messages', '/messages', may('view_activity', 'send_texts', 'send_emails')],
    ['Files', '/files', may('view_activity', 'send_texts', 'send_emails')],
    ['Received', '/received', may('view_activity')],
    ['Team', '/team', true],
    ['Usage', '/usage', may('manage_settings')],
    ['Settings', '/settings', may('manage_settings')],
    ['Developers', '/developers', may('manage_api_keys')],
  ];
  const section = /^\/services\/[^/]+(\/[^/]+)/.exec(visit.path)?.[1] ?? '';
  const state = !active ? 'Suspended' : restricted ? 'Trial' : null;
  return html`<div class="govuk-width-container app-service"><p class="app-service__name" dir="auto">${name}</p>${
    state === null ? null : html`<strong class="app-tag app-tag--open">${state}</strong>`
  }${findForm(visit, `${base}/find`)}</div>${serviceNavigation({
    navigation: entries
      .filter(([, , isShown]) => isShown)
      .map(([text, path]) =>
        parts[section] === path
          ? { text, href: base + path, active: true }
          : item(visit, text, base + path, path === ''),
      ),
    navigationLabel: 'Service',
  })}`;
}

function findForm(visit: Visit, action: string): Html {
  return html`<form class="app-find" method="post" action="${action}" role="search">${visit.fields}${input({ name: 'to', id: 'find-message', label: 'Find a message', type: 'search', attributes: { autocomplete: 'off' } })}${button({ text: 'Find', classes: 'govuk-button--secondary' })}</form>`;
}

const operatorPages = [
  ['Now', ''],
  ['Providers', '/providers'],
  ['Queues', '/queues'],
  ['Stuck', '/stuck'],
  ['Find', '/find'],
  ['Services', '/services'],
  ['Users', '/users'],
  ['Figures', '/figures'],
  ['Events', '/events'],
  ['System', '/system'],
  ['Sandbox', '/sandbox'],
] as const;

function isOperatorPage({ path, person }: Visit): boolean {
  return (person?.isOperator ?? false) && (path === '/platform' || path.startsWith('/platform/'));
}

function operatorBar(visit: Visit): Html {
  return serviceNavigation({
    navigation: operatorPages
      .filter(([, path]) => path !== '/sandbox' || visit.site.sandboxUrl !== null)
      .map(([text, path]) => item(visit, text, `/platform${path}`, path === '')),
    navigationLabel: 'Platform',
    navigationId: 'navigation-platform',
    classes: 'app-platform',
  });
}

/** `exactly`: not also for pages below it. */
function item({ path }: Visit, text: string, href: string, exactly: boolean): NavigationItem {
  if (path === href) return { text, href, current: true };
  return { text, href, active: !exactly && path.startsWith(`${href}/`) };
}
