/**
 * The page's style. Colours are custom properties that the dark scheme and print redefine; charts use them too.
 * First, second and third keep at least 3:1 against the surface they stand on, text at least 4.5:1.
 */
export const styleSheet = `
:root {
  color-scheme: light dark;
  --paper: #f7f5f0;
  --surface: #fffefb;
  --ink: #1d2127;
  --soft: #565d68;
  --muted: #7d838c;
  --line: #dcd8ce;
  --cell: #f1eee6;
  --first: #1a63ad;
  --on-first: #ffffff;
  --second: #b5480a;
  --third: #0b7d63;
  --tint: #e8eef6;
  --warm: #fbeee3;
  --shadow: 0 1px 2px rgb(40 34 20 / 0.06), 0 4px 16px rgb(40 34 20 / 0.05);
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Noto Sans", "Helvetica Neue", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #121519;
    --surface: #1a1e24;
    --ink: #e8e6e1;
    --soft: #a9afb9;
    --muted: #858c97;
    --line: #333942;
    --cell: #20252c;
    --first: #74b4f0;
    --on-first: #0d1a28;
    --second: #ff9b57;
    --third: #55cfa8;
    --tint: #1d2a39;
    --warm: #35251a;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0;
  background: var(--paper);
  color: var(--ink);
  font: 1rem/1.55 var(--sans);
  font-variant-numeric: tabular-nums;
}
main, footer, .contents ul { max-width: 72rem; margin-inline: auto; padding-inline: clamp(1rem, 4vw, 2.5rem); }
h1, h2, h3 { line-height: 1.2; text-wrap: balance; letter-spacing: -0.012em; }
h2 { font-size: 1.6rem; font-weight: 650; margin: 0 0 0.6rem; }
h3 { font-size: 1.02rem; font-weight: 650; margin: 0; letter-spacing: 0; }
a { color: var(--first); text-underline-offset: 0.18em; }
code, pre { font-family: var(--mono); font-size: 0.88em; }
pre { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: 0.8rem 1rem; overflow-x: auto; }
abbr { text-decoration: none; }
dfn { font-style: normal; font-weight: 650; }
:focus-visible { outline: 3px solid var(--first); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 0.5rem; z-index: 3; background: var(--surface); padding: 0.4rem 0.8rem; }

.contents {
  position: sticky; top: 0; z-index: 2;
  background: color-mix(in srgb, var(--paper) 88%, transparent);
  backdrop-filter: blur(10px);
  border-bottom: 1px solid var(--line);
}
.contents ul { display: flex; gap: 0.25rem 1.15rem; overflow-x: auto; list-style: none; margin-block: 0; padding-block: 0.7rem; scrollbar-width: none; mask-image: linear-gradient(to left, transparent, #000 3rem); }
.contents a { color: var(--soft); text-decoration: none; white-space: nowrap; font-size: 0.85rem; }
.contents a:hover { color: var(--ink); text-decoration: underline; }

.hero { padding: clamp(2rem, 6vw, 4rem) 0 0.5rem; }
.eyebrow { margin: 0 0 0.7rem; color: var(--soft); font-size: 0.9rem; font-weight: 550; overflow-wrap: anywhere; }
h1 { font-size: clamp(1.9rem, 5.2vw, 3.2rem); font-weight: 700; letter-spacing: -0.025em; max-width: 24ch; margin: 0 0 1.1rem; }
.lead p { font-size: clamp(1.02rem, 1.8vw, 1.16rem); max-width: 64ch; margin: 0 0 0.45rem; color: var(--soft); }
.lead .caution { color: var(--ink); background: var(--warm); border-left: 4px solid var(--second); border-radius: 4px; padding: 0.6rem 0.9rem; margin-bottom: 0.9rem; }
.figures { display: flex; flex-wrap: wrap; gap: 1px; margin: 2rem 0 0; background: var(--line); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.figures > div { flex: 1 1 9rem; background: var(--surface); padding: 0.9rem 1.1rem 1rem; }
.figures dt { font-size: 0.82rem; color: var(--soft); }
.figures dd { margin: 0.1rem 0 0; font-size: 1.7rem; font-weight: 650; letter-spacing: -0.02em; line-height: 1.25; }
.figures small { display: block; font-size: 0.8rem; font-weight: 400; letter-spacing: 0; color: var(--soft); line-height: 1.4; overflow-wrap: anywhere; }

section { padding: clamp(2rem, 5vw, 3.2rem) 0 0; }
.about { max-width: 72ch; margin: 0 0 1.1rem; color: var(--soft); }
.about dfn, .about em { color: var(--ink); }
.note { font-size: 0.84rem; color: var(--soft); margin: 0.4rem 0 1rem; max-width: 90ch; }

.scroll { overflow-x: auto; --ground: var(--paper); background: linear-gradient(to right, var(--ground) 1.2rem, transparent) left / 3rem 100% no-repeat local, linear-gradient(to left, var(--ground) 1.2rem, transparent) right / 3rem 100% no-repeat local, linear-gradient(to right, var(--line), transparent) left / 1rem 100% no-repeat scroll, linear-gradient(to left, var(--line), transparent) right / 1rem 100% no-repeat scroll; }
.chart .scroll, dialog .scroll { --ground: var(--surface); }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
caption { text-align: left; font-weight: 650; padding: 0.2rem 0 0.5rem; }
th, td { padding: 0.42rem 0.7rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: baseline; }
thead th { font-size: 0.78rem; font-weight: 550; color: var(--soft); vertical-align: bottom; border-bottom-color: var(--muted); }
tbody th { font-weight: 550; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
.number { text-align: right; white-space: nowrap; }
thead .number { white-space: normal; }
section > .scroll { margin-bottom: 0.4rem; }
.scroll + .scroll, .facts table + table { margin-top: 1.4rem; }
.charts + .scroll { margin-top: 1.4rem; }
section > .scroll th:first-child { white-space: nowrap; }
details { margin: 0.6rem 0 0; }
summary { cursor: pointer; font-size: 0.88rem; color: var(--first); width: fit-content; }
details[open] > summary { margin-bottom: 0.6rem; }

.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; margin: 1.2rem 0 0; }
.charts.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 19.5rem), 1fr)); }
.chart { margin: 0; padding: 1.1rem 1.2rem 1rem; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; min-width: 0; }
.chart figcaption p { margin: 0.25rem 0 0.8rem; font-size: 0.86rem; line-height: 1.45; color: var(--soft); overflow-wrap: anywhere; }
.plot { display: block; width: 100%; max-width: 31rem; height: auto; overflow: visible; font-family: var(--sans); --plot-background: var(--surface); }
.plot text { white-space: pre; }
.plot a { cursor: pointer; }
.plot a:hover { stroke: var(--ink); stroke-width: 1.5px; }
.wide .plot { width: auto; max-width: none; }
.chart details table { font-size: 0.84rem; }

.legend { display: flex; flex-wrap: wrap; gap: 0.3rem 1.1rem; list-style: none; margin: 0 0 0.6rem; padding: 0; font-size: 0.84rem; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: 0.4rem; }
.key { width: 10px; height: 10px; flex: none; background: var(--muted); }
.key.first { background: var(--first); }
.key.second { background: var(--second); }
.key.third { background: var(--third); }
.key.circle { border-radius: 50%; }
.key.triangle { clip-path: polygon(50% 0, 100% 100%, 0 100%); }
.key.bar { width: 14px; height: 8px; }
.key.hollow { background: none; border: 2px solid var(--muted); }

.filters { display: flex; flex-wrap: wrap; gap: 0.6rem 0.8rem; align-items: end; padding: 0.9rem 1rem; margin: 0 0 1rem; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }
.filters[hidden], .pager[hidden] { display: none; }
.filters label { flex: 1 1 auto; max-width: 16rem; display: grid; gap: 0.15rem; font-size: 0.78rem; color: var(--soft); min-width: 0; }
.filters select, .filters input { width: 100%; }
.filters output { margin-left: auto; font-size: 0.88rem; color: var(--soft); align-self: center; }
select, input, button { font: inherit; font-size: 0.9rem; color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: 7px; padding: 0.36rem 0.6rem; min-height: 2.2rem; }
button { cursor: pointer; }
button:hover:not(:disabled) { border-color: var(--muted); }
button:disabled { opacity: 0.45; cursor: default; }

.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.6rem, 1fr)); gap: 0.8rem; list-style: none; margin: 0; padding: 3px; }
.card { display: flex; flex-direction: column; gap: 0.3rem; width: 100%; height: 100%; padding: 0.6rem; text-align: left; background: var(--surface); border: 1px solid var(--line); border-radius: 10px; font-size: 0.84rem; line-height: 1.35; }
.card:hover:not(:disabled) { border-color: var(--first); box-shadow: var(--shadow); }
.picture { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--cell); border-radius: 6px; }
.pixelated { image-rendering: pixelated; }
.absent { display: grid; place-items: center; padding: 0.6rem; text-align: center; font-size: 0.76rem; color: var(--soft); }
.verdict { display: block; font-weight: 600; overflow-wrap: anywhere; }
.verdict .given { color: var(--first); }
.verdict .suggested { color: var(--second); }
.verdict .arrow { color: var(--soft); }
.verdict .probability { font-weight: 400; color: var(--soft); }
.quality { display: flex; align-items: center; gap: 0.4rem; font-size: 0.76rem; color: var(--soft); }
.quality meter { flex: 1; min-width: 1.5rem; height: 5px; border: 0; border-radius: 3px; background: var(--line); appearance: none; }
meter::-webkit-meter-inner-element { display: block; }
meter::-webkit-meter-bar { height: 5px; border: 0; border-radius: 3px; background: var(--line); }
meter::-webkit-meter-optimum-value { border-radius: 3px; background: var(--soft); }
meter::-moz-meter-bar { border-radius: 3px; background: var(--soft); }
.marks { display: grid; gap: 0.4rem; margin-top: auto; padding-top: 0.2rem; }
.badges { display: inline-flex; flex-wrap: wrap; gap: 0.25rem; }
.badge { font-size: 0.7rem; line-height: 1.5; padding: 0 0.4rem; border-radius: 99px; white-space: nowrap; border: 1px solid currentColor; }
.badge.issue { color: var(--second); }
.badge.pie { color: var(--first); }
.badge.hint { color: var(--soft); border-style: dashed; }
.warning { border-left: 4px solid var(--second); padding: 0.4rem 0.8rem; }
.votes { display: inline-flex; flex-wrap: wrap; gap: 3px; }
.vote { display: inline-block; width: 10px; height: 10px; flex: none; }
.vote.given { border: 2px solid var(--first); border-radius: 50%; }
.vote.suggested { background: var(--second); }
.vote.other { background: var(--muted); clip-path: polygon(50% 0, 100% 50%, 50% 100%, 0 50%); }
.open { border: 0; background: none; padding: 0; min-height: 0; color: var(--first); text-decoration: underline; text-underline-offset: 0.18em; text-align: left; overflow-wrap: anywhere; }
.empty { padding: 2rem; text-align: center; color: var(--soft); }
.pager { display: flex; flex-wrap: wrap; justify-content: center; align-items: center; gap: 0.6rem; margin: 1.2rem 0 0; font-size: 0.9rem; color: var(--soft); }
.pager input { width: 4.6rem; }

dialog { width: min(56rem, calc(100vw - 2rem)); max-height: calc(100vh - 2rem); padding: 0; border: 1px solid var(--line); border-radius: 14px; background: var(--surface); color: var(--ink); overflow: auto; }
dialog::backdrop { background: rgb(10 12 16 / 0.55); }
.dialog-bar { position: sticky; top: 0; display: flex; align-items: center; gap: 0.6rem; padding: 0.7rem 1rem; background: var(--surface); border-bottom: 1px solid var(--line); font-size: 0.88rem; color: var(--soft); }
#detail-close { margin-left: auto; }
.detail { display: grid; grid-template-columns: minmax(0, 20rem) minmax(0, 1fr); gap: 1.4rem; padding: 1.2rem; }
.detail:not(:has(> .picture)) { grid-template-columns: 1fr; }
.detail h3 { font-size: 1.2rem; margin-bottom: 0.5rem; }
.detail dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.15rem 1rem; margin: 0.8rem 0; font-size: 0.9rem; }
.detail dt { color: var(--soft); }
.detail dd { margin: 0; overflow-wrap: anywhere; }

.words { display: grid; grid-template-columns: minmax(9rem, 14rem) minmax(0, 1fr); gap: 0.55rem 1.6rem; margin: 0 0 1.6rem; max-width: 62rem; }
.words dt { font-weight: 600; overflow-wrap: anywhere; }
.words dd { margin: 0; color: var(--soft); }
#reading h3 { margin-bottom: 0.7rem; }
footer { margin-top: 3.5rem; padding-block: 1.2rem 2.5rem; font-size: 0.84rem; color: var(--soft); }
footer p { margin: 0; border-top: 1px solid var(--line); padding-top: 1.2rem; }

@media (max-width: 36rem) {
  .words { grid-template-columns: 1fr; gap: 0.1rem; }
  .words dd { margin-bottom: 0.7rem; }
  .chart { padding: 0.9rem 0.8rem; }
  .cards { grid-template-columns: repeat(auto-fill, minmax(8.4rem, 1fr)); gap: 0.6rem; }
  .detail { grid-template-columns: 1fr; }
  .detail > .picture { max-width: 12rem; justify-self: center; }
  section > .scroll th:first-child { position: sticky; left: 0; background: var(--paper); z-index: 1; }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
@media (forced-colors: active) { .key, .vote { forced-color-adjust: none; } }
@page { margin: 14mm; }
.text { max-width: 60ch; margin: 0.3rem 0; white-space: pre-wrap; overflow-wrap: anywhere; font-weight: 400; }
th .text { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; min-width: 18rem; font-size: 0.86rem; }
@media print {
  :root { color-scheme: light; --paper: #fff; --surface: #fff; --ink: #000; --soft: #333; --muted: #666; --line: #bbb; --cell: #f3f3f3; --first: #1a63ad; --on-first: #fff; --second: #b5480a; --third: #0b7d63; --shadow: none; }
  body { font-size: 9.5pt; }
  .contents, .skip, .filters, .pager, dialog, #needs-script { display: none; }
  .hero { padding-top: 0; }
  .scroll { overflow: visible; }
  .chart, .card, tr, .figures { break-inside: avoid; }
  h2, h3, caption, thead { break-after: avoid; }
  .charts { grid-template-columns: 1fr 1fr; }
  .charts.small { grid-template-columns: repeat(3, 1fr); }
  .cards { grid-template-columns: repeat(6, 1fr); gap: 0.5rem; }
  .key, .vote, .picture, meter { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main, footer { max-width: none; padding-inline: 0; }
  table { font-size: 8pt; }
  th, td { padding: 0.25rem 0.4rem; }
}
`
