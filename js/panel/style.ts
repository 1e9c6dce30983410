/** The panel's looks. Colours are those of the system; `color-scheme` of the page decides between light and dark. */
export const STYLE = `
:host {
  --line: light-dark(#dfe3e6, #2d3439);
  --quiet: light-dark(#59616a, #a0a9b1);
  --accent: light-dark(#0f766e, #2dd4bf);
  --bad: light-dark(#b4232a, #ff8a85);
  --wait: light-dark(#c3cad0, #4a545c);
  --body: light-dark(#8fc7c2, #1c7a70);
  display: block;
  box-sizing: border-box;
  block-size: 100%;
  min-block-size: 12rem;
  overflow: auto;
  border: 1px solid var(--line);
  border-radius: 8px;
  background: light-dark(#fff, #14181b);
  color: light-dark(#14181b, #eceff1);
  color-scheme: inherit;
  font: 13px/1.4 system-ui, sans-serif;
  font-variant-numeric: tabular-nums;
}
:host([hidden]) { display: none; }
.head {
  position: sticky;
  inset-block-start: 0;
  z-index: 1;
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px;
  padding: 8px;
  border-block-end: 1px solid var(--line);
  background: inherit;
  background-color: light-dark(#fff, #14181b);
}
.head b { margin-inline-end: auto; }
button, select {
  min-block-size: 26px;
  padding: 2px 8px;
  border: 1px solid light-dark(#868d94, #727b83);
  border-radius: 6px;
  background: transparent;
  color: inherit;
  font: inherit;
}
select { background: light-dark(#fff, #14181b); }
button:hover { border-color: currentcolor; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.sections {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr));
  gap: 12px;
  padding: 8px;
}
section { min-inline-size: 0; contain: layout style; }
section[data-wide] { grid-column: 1 / -1; }
h2 { margin: 0 0 4px; font-size: 13px; }
p { margin: 4px 0; color: var(--quiet); }
table { inline-size: 100%; border-collapse: collapse; }
th, td { padding: 2px 6px 2px 0; text-align: end; font-weight: inherit; white-space: nowrap; }
thead th { color: var(--quiet); }
tr > :first-child { text-align: start; }
td[data-long] { max-inline-size: 16rem; overflow: hidden; text-overflow: ellipsis; }
tr[data-bad], .bad { color: var(--bad); }
tbody tr + tr > * { border-block-start: 1px solid var(--line); }
meter { inline-size: 3rem; }
td :is(button, select) { min-block-size: 22px; padding-inline: 4px; }
canvas { display: block; inline-size: 100%; block-size: 72px; color: var(--accent); }
.bar { display: block; position: relative; min-inline-size: 8rem; block-size: 10px; }
.bar i { position: absolute; inset-block: 0; min-inline-size: 1px; }
.bar i:nth-child(1) { background: var(--wait); }
.bar i:nth-child(2) { background: var(--accent); }
.bar i:nth-child(3) { background: var(--body); }
.scroll { max-block-size: 16rem; overflow: auto; }
.scroll[data-list] { block-size: 24rem; max-block-size: none; contain: strict; overflow-anchor: none; }
.scroll[data-list] table { min-inline-size: 56rem; table-layout: fixed; }
.scroll[data-list] :is(th, td) { overflow: hidden; text-overflow: ellipsis; }
.scroll[data-list] th:first-child { inline-size: 22%; }
.scroll[data-list] th:last-child { inline-size: 20%; }
.scroll[data-list] th:is(:nth-child(2), :nth-child(4)) { inline-size: 11%; }
ul { margin: 0; padding-inline-start: 1.2em; color: var(--quiet); }
`;
