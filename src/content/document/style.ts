import { palette } from '../../ground/palette.ts';

/** The look of the pages that recipients of files see: one column, large targets. */
export const style = `
${palette}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1.125rem/1.5 system-ui, sans-serif; }
header, main { max-width: 40rem; margin: 0 auto; padding: 0 1.25rem; }
header p { margin: 1.25rem 0 0; font-weight: 600; color: var(--soft); overflow-wrap: anywhere; }
main { margin-top: 1rem; margin-bottom: 2rem; padding-top: 1.5rem; padding-bottom: 1.5rem; background: var(--card);
  border: 1px solid var(--line); }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.125rem; margin: 2rem 0 .5rem; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, input:focus-visible, button:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
form { margin: 1.5rem 0; }
label { display: block; font-weight: 600; margin-bottom: .25rem; }
input, button, .button { font: inherit; min-height: 3rem; padding: .5rem .75rem; border-radius: .375rem; }
input { display: block; width: 100%; background: var(--card); color: inherit; border: 2px solid var(--soft); }
input[aria-invalid] { border-color: var(--bad); }
button, .button { display: inline-block; background: var(--link); color: var(--card); border: 2px solid var(--link);
  font-weight: 600; text-decoration: none; text-align: center; cursor: pointer; }
button { margin-top: 1rem; }
.error { color: var(--bad); font-weight: 600; margin: 0 0 .5rem; }
.summary { border: 3px solid var(--bad); background: var(--bad-ground); padding: .75rem 1rem; margin-bottom: 1.5rem; }
.summary h2 { margin: 0 0 .25rem; }
.summary p { margin: 0; }
.summary a { color: var(--bad); font-weight: 600; }
dl { margin: 0; border-top: 1px solid var(--line); }
dl div { padding: .625rem 0; border-bottom: 1px solid var(--line); }
dt { color: var(--soft); font-size: 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.contact { margin: 1.5rem 0 0; }
@media (max-width: 41rem) { main { border-width: 1px 0; } button, .button { width: 100%; } }
@media (min-width: 41rem) { dl div { display: grid; grid-template-columns: 10rem 1fr; gap: 1rem; align-items: baseline; } }
`;
