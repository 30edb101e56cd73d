import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { type Element, everyElement, parseMarkup } from '../../../test/support/markup.ts';
import { Html, html } from '../../ground/html.ts';
import type { Attributes, Content } from './attributes.ts';
import { details, insetText, notificationBanner, summaryList, table, warningText } from './content.ts';
import {
  button,
  checkboxes,
  errorSummary,
  type FieldOptions,
  fieldset,
  fileUpload,
  hint,
  input,
  radios,
  select,
  textarea,
} from './form.ts';
import { backLink, breadcrumbs, pagination, serviceNavigation, skipLink } from './navigation.ts';

/** What a macro of GOV.UK takes; its fixtures are JSON. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is the package's, and read by name below
type Options = any;
type Fixture = Readonly<{ name: string; options: Options; html: string }>;

type Component = Readonly<{
  /** Options that our function takes, as paths; what is below one counts too. `a|b`: several. */
  offers: string;
  /** Options that the macro can do without and our function cannot, as paths; of `a|b` one is enough. */
  needs?: string;
  /** Other reasons why our function cannot be asked for this. */
  unless?: (options: Options) => string | false;
  make: (options: Options) => Html | null;
  /** What we add to GOV.UK's markup, taken away again. */
  plain?: (element: Element, options: Options) => Element | null;
  /** The element of ours that is GOV.UK's, if it is not the outermost. */
  within?: string;
  /** How many of the package's fixtures have options of ours only, and how many there are: an update shows. */
  compared: readonly [number, number];
}>;

/** Options that are attributes of the element itself, which `attributes` of ours can name. */
const own = 'attributes autocomplete inputmode pattern spellcheck autocapitalize disabled multiple';
/** Of every field. */
const fields = 'name id label.text label.html label.classes hint.text hint.html errorMessage.text classes';
/** Of every set of boxes. */
const choosing =
  'name idPrefix fieldset.legend.text fieldset.legend.html fieldset.legend.classes hint.text hint.html errorMessage.text classes items[].value items[].text items[].html items[].hint.text items[].checked items[].disabled';

/** A part of a component that can be given as text or as markup. */
function contentOf(given: Options): Content {
  if (given.html) return new Html(given.html);
  return String(given.text ?? '');
}

const listOf = (given: Options): Options[] => (given ?? []).filter(Boolean);
const without = (...names: string[]) => ({
  plain: (element: Element): Element => ({
    ...element,
    attributes: new Map([...element.attributes].filter(([name]) => !names.includes(name))),
  }),
});

/** `aria-invalid` is ours: screen readers hear at the field that it is wrong (spec 07, section 11). */
const marksFaults = without('aria-invalid');

function ownOf(options: Options): Attributes {
  const { attributes, spellcheck } = options;
  const named = own.split(' ').filter((name) => name !== 'attributes' && options[name] !== undefined);
  return {
    ...attributes,
    ...Object.fromEntries(named.map((name) => [name, options[name]])),
    ...(spellcheck !== undefined && { spellcheck: String(spellcheck) }),
  };
}

function fieldOf(options: Options): FieldOptions {
  const { name, id, label, hint: hinted, errorMessage, classes } = options;
  return {
    name,
    id,
    label: contentOf(label),
    labelClasses: label.classes,
    ...(hinted && { hint: contentOf(hinted) }),
    error: errorMessage ?? null,
    classes,
    attributes: ownOf(options),
  };
}

function choicesOf({
  name,
  fieldset: set,
  hint: hinted,
  errorMessage,
  items,
  classes,
  value,
  values,
}: Options) {
  const chosen: unknown[] = values ?? (value === undefined ? [] : [value]);
  return {
    name,
    legend: contentOf(set.legend),
    legendClasses: set.legend.classes,
    ...(hinted && { hint: contentOf(hinted) }),
    error: errorMessage ?? null,
    classes,
    items: listOf(items).map((item) => ({
      value: String(item.value),
      text: contentOf(item),
      ...(item.hint && { hint: contentOf(item.hint) }),
      selected: item.checked ?? chosen.includes(item.value),
      disabled: item.disabled ?? false,
    })),
  };
}

const choosesAnId = ({ name, idPrefix }: Options) =>
  idPrefix !== undefined && idPrefix !== name && 'an idPrefix other than the name';

const components: Readonly<Record<string, Component>> = {
  'back-link': { offers: 'text href', needs: 'href', make: backLink, compared: [1, 7] },
  breadcrumbs: { offers: 'items[].text items[].href', make: breadcrumbs, compared: [5, 12] },
  button: {
    offers: 'text html href name value classes type attributes preventDoubleClick disabled id',
    unless: ({ href, disabled }) => href !== undefined && disabled === true && 'a disabled link',
    make: ({ disabled, id, attributes, ...options }) =>
      button({
        ...options,
        text: contentOf(options),
        attributes: { id, ...(disabled && { disabled: true, 'aria-disabled': 'true' }), ...attributes },
      }),
    compared: [35, 38],
  },
  checkboxes: {
    offers: `${choosing} values`,
    needs: 'fieldset.legend.text|fieldset.legend.html items[].value',
    unless: choosesAnId,
    make: (options) => checkboxes(choicesOf(options)),
    compared: [10, 42],
  },
  details: {
    offers: 'summaryText summaryHtml text html open id',
    needs: 'summaryText|summaryHtml text|html',
    make: (options) =>
      details({
        summary: contentOf({ text: options.summaryText, html: options.summaryHtml }),
        content: contentOf(options),
        ...options,
      }),
    compared: [8, 10],
  },
  'error-summary': {
    offers: 'titleText errorList[].text errorList[].href',
    needs: 'errorList[].text',
    unless: ({ titleText }) => titleText !== 'There is a problem' && 'a title of its own',
    make: ({ errorList }) => errorSummary(listOf(errorList)),
    compared: [5, 19],
  },
  fieldset: {
    offers: 'legend.text legend.html legend.classes html',
    needs: 'legend.text|legend.html',
    make: ({ legend, html: content = '' }) =>
      fieldset({ legend: contentOf(legend), legendClasses: legend.classes, content: new Html(content) }),
    compared: [9, 18],
  },
  'file-upload': {
    offers: `${fields} ${own}`,
    make: (options) => fileUpload(fieldOf(options)),
    ...marksFaults,
    compared: [9, 22],
  },
  hint: {
    offers: 'text html id',
    make: ({ id, ...options }) => hint({ id, content: contentOf(options) }),
    compared: [4, 6],
  },
  input: {
    offers: `${fields} ${own} value type prefix.text`,
    make: (options) =>
      input({
        ...fieldOf(options),
        value: options.value,
        type: options.type,
        ...(options.prefix && { prefix: options.prefix.text }),
      }),
    ...marksFaults,
    compared: [27, 45],
  },
  'inset-text': { offers: 'text html', make: (options) => insetText(contentOf(options)), compared: [3, 6] },
  'notification-banner': {
    offers: 'text html type',
    unless: ({ type }) => type !== undefined && type !== 'success' && 'another type than success',
    make: ({ type, ...options }) => notificationBanner({ text: contentOf(options), type }),
    compared: [7, 21],
  },
  pagination: {
    offers: 'previous.href previous.text previous.labelText next.href next.text next.labelText',
    make: pagination,
    compared: [5, 15],
  },
  radios: {
    offers: `${choosing} value`,
    needs: 'fieldset.legend.text|fieldset.legend.html items[].value',
    unless: choosesAnId,
    make: (options) => radios(choicesOf(options)),
    compared: [9, 43],
  },
  select: {
    offers: `${fields} ${own} items[].value items[].text items[].selected items[].disabled value`,
    needs: 'items[].value',
    make: (options) =>
      select({
        ...fieldOf(options),
        items: listOf(options.items).map(({ value, text, selected, disabled }) => ({
          value: String(value),
          text,
          selected: selected ?? (options.value !== undefined && value === options.value),
          disabled,
        })),
      }),
    ...marksFaults,
    compared: [10, 19],
  },
  'service-navigation': {
    offers:
      'navigation[].text navigation[].href navigation[].current navigation[].active navigationLabel navigationId classes',
    needs: 'navigation[].href',
    make: (options) => serviceNavigation({ ...options, navigation: listOf(options.navigation) }),
    compared: [9, 33],
  },
  'skip-link': { offers: 'text href', needs: 'href', make: skipLink, compared: [2, 9] },
  'summary-list': {
    offers:
      'rows[].key.text rows[].key.html rows[].value.text rows[].value.html rows[].actions.items[].href rows[].actions.items[].text rows[].actions.items[].visuallyHiddenText classes',
    make: ({ rows, classes }) =>
      summaryList({
        classes,
        rows: listOf(rows).map(({ key, value, actions }) => ({
          key: contentOf(key),
          value: contentOf(value),
          actions: listOf(actions?.items),
        })),
      }),
    compared: [11, 30],
  },
  table: {
    offers:
      'caption captionClasses firstCellIsHeader head[].text head[].format rows[][].text rows[][].html rows[][].format',
    needs: 'head',
    unless: ({ caption, captionClasses }) =>
      caption !== undefined && captionClasses === undefined && 'a caption without a size',
    make: ({ caption = 'Caption', captionClasses, head, rows, firstCellIsHeader }) =>
      table({
        caption,
        captionClasses,
        head: listOf(head).map(({ text, format }) => ({ text, numeric: format === 'numeric' })),
        rows: listOf(rows).map((row) =>
          listOf(row).map((cell, index) => ({
            content: contentOf(cell),
            numeric: cell.format === 'numeric',
            header: index === 0 && firstCellIsHeader === true,
          })),
        ),
      }),
    within: 'table',
    // Ours scrolls in a region with its caption as the name, and is cards on a phone (spec 07, section 11).
    plain: (element, { caption }) => {
      if (element.name === 'caption' && caption === undefined) return null;
      const attributes = new Map(element.attributes);
      attributes.delete('data-label');
      if (element.name === 'table') attributes.set('class', 'govuk-table');
      return { ...element, attributes };
    },
    compared: [3, 21],
  },
  textarea: {
    offers: `${fields} ${own} value rows`,
    make: (options) => textarea({ ...fieldOf(options), value: options.value, rows: options.rows }),
    ...marksFaults,
    compared: [12, 18],
  },
  'warning-text': {
    offers: 'text html iconFallbackText',
    unless: ({ iconFallbackText = 'Warning' }) => iconFallbackText !== 'Warning' && 'another fallback text',
    make: (options) => warningText(contentOf(options)),
    compared: [5, 8],
  },
};

/** Parts of the components above, which no page uses alone. */
const parts = ['error-message', 'label'];
/** What no page shows. */
const unused = [
  ...['accordion', 'character-count', 'cookie-banner', 'date-input', 'exit-this-page', 'feedback', 'footer'],
  ...['generic-header', 'header', 'language-navigation', 'panel', 'password-input', 'phase-banner', 'tabs'],
  ...['tag', 'task-list'],
];

const folder = join(
  dirname(createRequire(import.meta.url).resolve('govuk-frontend/dist/govuk/govuk-frontend.min.js')),
  'components',
);
const fixturesOf = (name: string): readonly Fixture[] =>
  JSON.parse(readFileSync(join(folder, name, 'fixtures.json'), 'utf8')).fixtures;

/** The paths of all values, such as `items[].hint.text`. */
function pathsOf(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value)) return value.filter(Boolean).flatMap((one) => pathsOf(one, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, one]) => pathsOf(one, path === '' ? name : `${path}.${name}`));
}

const isBelow = (path: string, above: string) => path === above || /^[.[]/.test(path.slice(above.length));

/** Why our function cannot be asked for a fixture: the options that it does not have, or cannot do without. */
function reasonsOf({ offers, needs = '', unless }: Component, options: Options): readonly string[] {
  const given = pathsOf(options);
  const known = offers.split(' ');
  const missing = given.filter((path) => !known.some((one) => path.startsWith(one) && isBelow(path, one)));
  const lacking = needs.split(' ').filter((need) => {
    if (need === '') return false;
    const [list, own] = need.includes('[].') ? need.split('[].') : [null, need];
    const places: Options[] = list === null ? [options] : listOf(options[list!]);
    if (places.length === 0) return list !== null && options[list!] === undefined;
    return !places.every((place) =>
      own!
        .split('|')
        .some((path) => pathsOf(place).some((one) => one.startsWith(path) && isBelow(one, path))),
    );
  });
  const other = unless?.(options) || null;
  return [
    ...new Set(missing),
    ...lacking.map((need) => `nothing for ${need}`),
    ...(other === null ? [] : [other]),
  ];
}

function below(elements: readonly Element[], name: string): readonly Element[] {
  return everyElement(elements).filter((element) => element.name === name);
}

/** As a browser sees it: attributes in order, runs of white space as one space, and none at the ends of an element. */
function normal(elements: readonly Element[], plain: (element: Element) => Element | null): unknown {
  return elements.flatMap((one) => {
    const element = plain(one);
    if (element === null) return [];
    const { children } = element;
    const shown = children.flatMap((child, index): unknown[] => {
      if (typeof child !== 'string') return normal([child], plain) as unknown[];
      let text = child.replace(/\s+/g, ' ');
      if (index === 0) text = text.trimStart();
      if (index === children.length - 1) text = text.trimEnd();
      return text.trim() === '' ? [] : [text];
    });
    const attributes = [...element.attributes]
      .map(([name, value]) => [name, value.replace(/\s+/g, ' ').trim()])
      .sort();
    return [{ name: element.name, attributes: Object.fromEntries(attributes), shown }];
  });
}

suite("components are those of GOV.UK's design system (spec 07, section 14)", () => {
  test('each component of the installed package is one of ours, or is known not to be used', () => {
    const installed = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    assert.deepEqual([...Object.keys(components), ...parts, ...unused].sort(), installed.sort());
  });

  for (const [name, component] of Object.entries(components))
    test(`${name} has the markup of each fixture whose options it has`, (context) => {
      const fixtures = fixturesOf(name);
      let compared = 0;
      for (const fixture of fixtures) {
        const { options, html: expected } = fixture;
        const reasons = reasonsOf(component, options);
        if (reasons.length > 0) {
          context.diagnostic(`not offered: ${fixture.name} (${reasons.join(', ')})`);
          continue;
        }
        const made = parseMarkup((component.make(options) ?? html``).text);
        assert.deepEqual(
          normal(component.within ? below(made, component.within) : made, (element) =>
            component.plain ? component.plain(element, options) : element,
          ),
          normal(parseMarkup(expected), (element) => element),
          fixture.name,
        );
        compared += 1;
      }
      context.diagnostic(`${compared} of ${fixtures.length} fixtures compared`);
      assert.deepEqual([compared, fixtures.length], component.compared);
    });

  test('markup of a component is written by its function only', () => {
    const web = join(import.meta.dirname, '..');
    const written = new RegExp(`class="[^"]*govuk-(${Object.keys(components).join('|')})(?![\\w-])`);
    const files = readdirSync(web, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.startsWith('components') && !file.endsWith('.test.ts'))
      .filter((file) => written.test(readFileSync(join(web, file), 'utf8')));
    assert.deepEqual(files, []);
  });
});
