import { type Html, html } from '../../ground/html.ts';
import { type Attributes, attributes, type Content, classes } from './attributes.ts';

/** Components of GOV.UK's design system that lead somewhere; options are named as its macros name them. */

export function skipLink({ text, href }: { text: string; href: string }): Html {
  return html`<a href="${href}" class="govuk-skip-link" data-module="govuk-skip-link">${text}</a>`;
}

export function backLink({ text = 'Back', href }: { text?: string; href: string }): Html {
  return html`<a href="${href}" class="govuk-back-link">${text}</a>`;
}

export function breadcrumbs({ items }: { items: readonly { text: string; href?: string }[] }): Html {
  return html`<nav class="govuk-breadcrumbs" aria-label="Breadcrumb"><ol class="govuk-breadcrumbs__list">${items.map(
    ({ text, href }) =>
      href === undefined
        ? html`<li class="govuk-breadcrumbs__list-item" aria-current="page">${text}</li>`
        : html`<li class="govuk-breadcrumbs__list-item"><a class="govuk-breadcrumbs__link" href="${href}">${text}</a></li>`,
  )}</ol></nav>`;
}

export type NavigationItem = Readonly<{ text: string; href: string; current?: boolean; active?: boolean }>;

export function serviceNavigation({
  navigation,
  navigationLabel,
  navigationId = 'navigation',
  classes: more,
}: {
  navigation: readonly NavigationItem[];
  navigationLabel?: string;
  navigationId?: string;
  classes?: string;
}): Html {
  const items = navigation.map(({ text, href, current = false, active = false }) => {
    const isOn = current || active;
    const content = isOn
      ? html`<strong class="govuk-service-navigation__active-fallback">${text}</strong>`
      : html`${text}`;
    return html`<li class="${classes('govuk-service-navigation__item', isOn && 'govuk-service-navigation__item--active')}"><a class="govuk-service-navigation__link" href="${href}"${attributes({ 'aria-current': isOn ? (current ? 'page' : 'true') : null })}>${content}</a></li>`;
  });
  const toggle =
    navigation.length > 1
      ? html`<button type="button" class="govuk-service-navigation__toggle govuk-js-service-navigation-toggle" aria-controls="${navigationId}" hidden aria-hidden="true">Menu</button>`
      : null;
  const nav =
    items.length === 0
      ? null
      : html`<nav aria-label="${navigationLabel ?? 'Menu'}" class="govuk-service-navigation__wrapper">${toggle}<ul class="govuk-service-navigation__list" id="${navigationId}">${items}</ul></nav>`;
  return html`<div class="${classes('govuk-service-navigation', more)}" data-module="govuk-service-navigation"><div class="govuk-width-container"><div class="govuk-service-navigation__container">${nav}</div></div></div>`;
}

/** A page of a list before or after this one. `labelText`: what is there, below the link's own words. */
type Turn = Readonly<{ href: string; text?: string; labelText?: string }>;

/** Pages of a list that knows only whether there is more, in either direction. */
export function pagination({ previous, next }: { previous?: Turn | null; next?: Turn | null }): Html | null {
  if (!previous && !next) return null;
  return html`<nav class="govuk-pagination govuk-pagination--block" aria-label="Pagination">${previous ? turn('prev', previous) : null}${next ? turn('next', next) : null}</nav>`;
}

const turns = {
  prev: {
    word: 'Previous',
    arrow:
      'm6.5938-0.0078125-6.7266 6.7266 6.7441 6.4062 1.377-1.449-4.1856-3.9768h12.896v-2h-12.984l4.2931-4.293-1.414-1.414z',
  },
  next: {
    word: 'Next',
    arrow:
      'm8.107-0.0078125-1.4136 1.414 4.2926 4.293h-12.986v2h12.896l-4.1855 3.9766 1.377 1.4492 6.7441-6.4062-6.7246-6.7266z',
  },
} as const;

function turn(direction: 'prev' | 'next', { href, text, labelText }: Turn): Html {
  const { word, arrow } = turns[direction];
  const title = text ?? html`${word}<span class="govuk-visually-hidden"> page</span>`;
  const label =
    labelText === undefined
      ? null
      : html` <span class="govuk-visually-hidden">:</span> <span class="govuk-pagination__link-label">${labelText}</span>`;
  return html`<div class="govuk-pagination__${direction}"><a class="govuk-link govuk-pagination__link" href="${href}" rel="${direction}"><svg class="govuk-pagination__icon govuk-pagination__icon--${direction}" xmlns="http://www.w3.org/2000/svg" height="13" width="15" aria-hidden="true" focusable="false" viewBox="0 0 15 13"><path d="${arrow}"></path></svg> <span class="${classes('govuk-pagination__link-title', label === null && 'govuk-pagination__link-title--decorated')}">${title}</span>${label}</a></div>`;
}

/** A link in running text. */
export function link(href: string, text: Content, more?: Attributes): Html {
  return html`<a class="govuk-link" href="${href}"${attributes(more)}>${text}</a>`;
}
