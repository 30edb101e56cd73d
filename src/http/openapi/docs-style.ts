import { palette } from '../../ground/palette.ts';

/** The look of /docs: one column on a phone, the contents beside the text where there is room. */
export const docsStyle = `
${palette}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
a { color: var(--link); }
a:focus-visible, button:focus-visible, pre:focus-visible, summary:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; }
.page { max-width: 78rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.375rem; line-height: 1.25; margin: 3rem 0 .5rem; }
h3 { font-size: 1.125rem; line-height: 1.3; margin: 0 0 .25rem; }
h4 { font-size: .9375rem; margin: 1.25rem 0 .25rem; }
p, ul { margin: 0 0 .75rem; max-width: 46rem; }
ul { padding-left: 1.25rem; }
.quiet, .rules { color: var(--soft); font-size: .875rem; }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li li a { display: flex; gap: .5rem; align-items: baseline; padding: .375rem 0; text-decoration: none; color: inherit;
  font-size: .875rem; line-height: 1.3; }
nav li li a:hover { text-decoration: underline; }
nav .part { display: inline-block; font-weight: 600; padding: .5rem 0 .125rem; text-decoration: none; }
summary { cursor: pointer; min-height: 2.75rem; padding: .5rem 0; font-weight: 600; }
.route { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
.route > :last-child { margin-bottom: 0; }
.address { margin: 0 0 .75rem; overflow-wrap: anywhere; }
.method { font: 600 .75rem/1.25rem ui-monospace, monospace; padding: 0 .375rem; border-radius: .25rem; white-space: nowrap;
  color: var(--good); background: var(--good-ground); }
.method.post, .method.put { color: var(--open); background: var(--open-ground); }
.method.delete { color: var(--bad); background: var(--bad-ground); }
dl { margin: 0; }
.fields > div { border-top: 1px solid var(--line); padding: .5rem 0; }
.fields > div:first-child { border-top: 0; }
.fields .fields { margin-top: .25rem; padding-left: .75rem; border-left: 2px solid var(--line); }
dt { overflow-wrap: anywhere; }
dt code { font-weight: 600; }
dd { margin: 0; }
dd p, dd ul { margin: .125rem 0; }
.type { color: var(--soft); font-size: .875rem; }
.required { font-size: .75rem; color: var(--bad); background: var(--bad-ground); padding: 0 .375rem; border-radius: .25rem; }
.status { font: 600 .875rem ui-monospace, monospace; }
.code { display: flex; flex-direction: column; gap: .25rem; margin: .25rem 0 1rem; }
pre { margin: 0; padding: .75rem 1rem; background: var(--ground); border: 1px solid var(--line); border-radius: .375rem;
  overflow-x: auto; font: .8125rem/1.5 ui-monospace, monospace; }
pre code { font: inherit; overflow-wrap: normal; }
.code button { order: -1; align-self: end; font: .8125rem system-ui, sans-serif; min-height: 2rem; padding: 0 .75rem;
  border: 1px solid var(--soft); border-radius: .25rem; background: var(--card); color: inherit; cursor: pointer; }
h4 + .code button { margin-top: -2rem; }
main > .code pre, main > section > .code pre { background: var(--card); }
@media (min-width: 64rem) {
  .page { display: grid; grid-template-columns: 17rem minmax(0, 1fr); gap: 0 3rem; }
  header { grid-column: 1 / -1; }
  nav { position: sticky; top: 1rem; align-self: start; max-height: calc(100vh - 2rem); overflow-y: auto; }
  main > :first-child h2 { margin-top: 0; }
  .fields > div { display: grid; grid-template-columns: 15rem minmax(0, 1fr); gap: 0 1.5rem; }
  .fields .fields > div { display: block; }
}
@media print { nav, .skip, .code button { display: none; } }
`;
