import { palette } from '../src/ground/palette.ts';

/** The look of the inbox: one column on a phone, dark where the reader likes it dark. */
export const style = `
${palette}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
a { color: var(--link); }
a:focus-visible, input:focus-visible, select:focus-visible, button:focus-visible, iframe:focus-visible, pre:focus-visible {
  outline: 3px solid var(--focus); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; }
header, main { max-width: 72rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.25rem; display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: baseline; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.125rem; margin: 2rem 0 .5rem; }
header a { color: inherit; text-decoration: none; }
header a:hover { text-decoration: underline; }
header p, .quiet { margin: 0; color: var(--soft); font-size: .875rem; }
form { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; margin: 1.25rem 0; }
.field { display: grid; gap: .25rem; }
.search { flex: 1 1 16rem; }
label { font-size: .875rem; font-weight: 600; }
input, select, button { font: inherit; min-height: 2.75rem; padding: .375rem .75rem; border: 1px solid var(--soft);
  border-radius: .375rem; background: var(--card); color: inherit; width: 100%; }
button { width: auto; background: var(--link); border-color: var(--link); color: var(--card); font-weight: 600; cursor: pointer; }
.bar { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 1.5rem; margin: 0 0 .5rem; font-size: .875rem; }
.bar p { margin: 0; }
.list { list-style: none; margin: 0; padding: 0; border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
.list li { position: relative; background: var(--card); padding: .75rem 1rem; display: grid; gap: .25rem 1rem; }
.list li + li { border-top: 1px solid var(--line); }
.list li:hover { background: var(--ground); }
.list p { margin: 0; min-width: 0; }
.to { font-weight: 600; overflow-wrap: anywhere; }
.title { overflow-wrap: anywhere; display: -webkit-box; -webkit-line-clamp: 2;
  -webkit-box-orient: vertical; overflow: hidden; }
.title a::after { content: ""; position: absolute; inset: 0; }
.facts { color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
.facts > * { display: inline-block; margin-right: 1rem; }
.tags { display: flex; flex-wrap: wrap; gap: .25rem; align-content: start; }
.tag { font-size: .8125rem; line-height: 1.375rem; padding: 0 .5rem; border-radius: .25rem; white-space: nowrap;
  border: 1px solid var(--line); color: var(--soft); }
.good { color: var(--good); background: var(--good-ground); border-color: transparent; }
.bad { color: var(--bad); background: var(--bad-ground); border-color: transparent; }
.open { color: var(--open); background: var(--open-ground); border-color: transparent; }
.empty { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1.5rem 1rem; }
.empty p { margin: 0 0 .5rem; }
pre, .mail { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; margin: 0; width: 100%; }
pre { padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere; font: .9375rem/1.5 ui-monospace, monospace; }
.sms { font: inherit; max-width: 36rem; border-radius: 1rem 1rem 1rem .25rem; }
.mail { height: 40rem; background: #fff; resize: vertical; }
dl { margin: 1rem 0 0; }
dt { color: var(--soft); font-size: .875rem; }
dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); }
th, td { text-align: left; padding: .5rem .75rem; border-top: 1px solid var(--line); vertical-align: top; }
th { font-size: .875rem; color: var(--soft); }
.more { display: inline-block; padding: .75rem 0; }
main { padding-bottom: 2rem; }
footer.quiet { margin-top: 2rem; }
.back { flex-basis: 100%; }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
@media (min-width: 60rem) {
  .list li { grid-template-columns: 18rem 1fr auto; }
  .title { -webkit-line-clamp: 1; }
  .tags { justify-content: end; }
  .facts { grid-column: 1 / -1; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
  dt { font-size: 1rem; }
  dd { margin: 0; }
}
`;
