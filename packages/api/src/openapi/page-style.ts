/** The style of the page. It is named in the page's policy by its digest, so nothing else can style it. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: #d8d4cc; --soft: #f6f4ef; --ink: #1d1c1a; --faint: #6b675f; --accent: #0b5d7a; --paper: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a3833; --soft: #23221f; --ink: #ebe8e1; --faint: #a09b90; --accent: #6cc4e0; --paper: #191816; }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body { margin: 0; display: grid; grid-template-columns: 16rem minmax(0, 1fr); font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.25rem; background: var(--soft); border-right: 1px solid var(--line); }
nav h1 { font-size: 1.25rem; margin: 0; }
nav h2 { font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; color: var(--faint); margin: 1.25rem 0 .25rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a { display: block; padding: .1rem 0; }
main { padding: 1.25rem 2rem 4rem; max-width: 72rem; }
main > h2 { margin: 2.5rem 0 .5rem; padding-bottom: .25rem; border-bottom: 2px solid var(--line); }
h3 { margin: 1.75rem 0 .5rem; }
h3::first-letter { text-transform: uppercase; }
h4 { margin: 1rem 0 .25rem; font-size: .85rem; color: var(--faint); text-transform: uppercase; letter-spacing: .06em; }
.schema h3::first-letter { text-transform: none; }
.introduction { max-width: 46rem; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .35rem 0; }
details[open] > summary { border-bottom: 1px solid var(--line); }
details > div { padding: .25rem .9rem .9rem; }
details:target { outline: 2px solid var(--accent); }
summary { cursor: pointer; padding: .45rem .9rem; display: flex; gap: .75rem; align-items: baseline; flex-wrap: wrap; }
summary::-webkit-details-marker { display: none; }
.method { font: 600 .75rem ui-monospace, monospace; text-transform: uppercase; width: 4.2rem; text-align: center; padding: .1rem 0; border-radius: 4px; color: #fff; background: #57606a; }
.get, .head { background: #0b6e4f; }
.post { background: #0b5d9a; }
.put, .patch { background: #8a5a00; }
.delete { background: #a3202a; }
.says { color: var(--faint); margin-left: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
td { border-top: 1px solid var(--line); padding: .3rem .75rem .3rem 0; vertical-align: top; overflow-wrap: anywhere; }
tr:first-child td { border-top: 0; }
table { table-layout: fixed; }
td:first-child { width: 30%; }
td:last-child { width: 34%; }
.answers td:first-child { width: 4rem; }
.answers td:last-child { width: 30%; }
.fine { color: #0b6e4f; font-weight: 600; }
.error { color: #c0313c; font-weight: 600; }
@media (max-width: 50rem) {
  body { display: block; }
  nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); }
  nav ul { columns: 2; }
  main { padding: 1rem; }
  .says { margin-left: 0; width: 100%; }
}
`;
