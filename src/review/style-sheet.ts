/** The style of the review's page, on top of the report's: the same colours, cards and marks. */
import { styleSheet } from '../report/style-sheet.js'

export const reviewStyle = `${styleSheet}
body { padding-bottom: 6.5rem; }
main { max-width: 76rem; }
.top { max-width: 76rem; margin-inline: auto; padding: 0.9rem clamp(1rem, 4vw, 2.5rem) 0; display: flex; flex-wrap: wrap; gap: 0.4rem 1.6rem; align-items: baseline; }
.top h1 { font-size: 1.25rem; margin: 0; max-width: none; overflow-wrap: anywhere; }
.progress { display: flex; flex-wrap: wrap; gap: 0.2rem 1.4rem; margin: 0; font-size: 0.88rem; }
.progress > div { display: flex; gap: 0.4rem; }
.progress dt { color: var(--soft); }
.progress dd { margin: 0; font-weight: 600; }
.advice { flex-basis: 100%; margin: 0; padding: 0.5rem 0.8rem; background: var(--tint); border-left: 4px solid var(--third); border-radius: 4px; }
#filter-box { margin: 0.8rem 0 0.6rem; }
#filter-box summary span { color: var(--soft); }
.views { display: flex; flex-wrap: wrap; gap: 0.4rem; align-items: center; margin-bottom: 0.7rem; }
.views button[aria-pressed=true] { background: var(--first); color: var(--on-first); border-color: var(--first); }
.saved { margin-left: auto; font-size: 0.86rem; color: var(--soft); min-height: 1.5em; }
.trouble { padding: 0.6rem 0.9rem; background: var(--warm); border-left: 4px solid var(--second); border-radius: 4px; margin: 0 0 0.8rem; }
#suspect, #grid { padding-top: 0; }
#suspect[hidden], #grid[hidden], .trouble[hidden], .advice[hidden] { display: none; }
.suspect { display: grid; grid-template-columns: minmax(0, 30rem) minmax(0, 1fr); gap: 1.4rem; align-items: start; }
.suspect:focus { outline: none; }
.suspect .picture { max-height: min(30rem, 62vh); border-radius: 12px; }
.suspect h2 { font-size: 1.45rem; margin: 0 0 0.5rem; }
.suspect h2 .spoken { position: static; clip-path: none; font-size: 0.95rem; font-weight: 400; color: var(--soft); }
.suspect .badges { display: flex; margin: 0 0 0.6rem; }
.suspect .where { margin: 0.4rem 0; font-size: 0.86rem; color: var(--soft); overflow-wrap: anywhere; }
.suspect h3 { margin: 1.1rem 0 0.4rem; }
.suspect table { font-size: 0.86rem; }
.suspect td, .suspect th { padding-block: 0.25rem; }
.near { display: grid; grid-template-columns: repeat(auto-fill, minmax(5.4rem, 1fr)); gap: 0.5rem; list-style: none; margin: 0; padding: 0; font-size: 0.76rem; line-height: 1.3; }
.near li { overflow-wrap: anywhere; }
.near.texts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 12rem), 1fr)); }
.near .text, .card .text { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; margin: 0; }
.card .text { -webkit-line-clamp: 6; }
.suspect #content .text { font-size: 1.05rem; margin: 0 0 0.6rem; }
.text.short { max-height: min(26rem, 50vh); overflow: hidden; }
#whole-text { margin-bottom: 0.8rem; }
.near .same { color: var(--first); }
.near .suggested { color: var(--second); }
.history { list-style: none; margin: 0; padding: 0; font-size: 0.86rem; }
.disputed { color: var(--second); font-weight: 600; }
.chosen { display: flex; flex-wrap: wrap; gap: 0.4rem; align-items: center; margin-bottom: 0.7rem; font-size: 0.88rem; }
.chosen output { min-width: 9rem; color: var(--soft); }
.card[aria-pressed=true] { border-color: var(--first); box-shadow: inset 0 0 0 2px var(--first); background: var(--tint); }
.actions { position: fixed; inset: auto 0 0 0; z-index: 2; display: flex; flex-wrap: wrap; justify-content: center; gap: 0.4rem; padding: 0.6rem max(0.6rem, env(safe-area-inset-left)); background: color-mix(in srgb, var(--paper) 92%, transparent); backdrop-filter: blur(10px); border-top: 1px solid var(--line); }
.actions button { display: inline-flex; gap: 0.35rem; align-items: center; padding-inline: 0.5rem; font-size: 0.84rem; background: var(--surface); }
kbd { font-family: var(--mono); font-size: 0.8rem; padding: 0 0.35rem; border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 5px; background: var(--cell); color: var(--ink); }
.say { margin: 1rem 0; font-size: 0.86rem; color: var(--soft); }
.say input { width: min(100%, 34rem); }
dialog form { padding: 1.1rem; }
dialog h2 { font-size: 1.15rem; }
#labels { width: min(28rem, calc(100vw - 2rem)); }
#labels input { width: 100%; }
#label-list { list-style: none; margin: 0.6rem 0; padding: 0; max-height: 50vh; overflow: auto; }
#label-list li { padding: 0.35rem 0.6rem; border-radius: 6px; cursor: pointer; overflow-wrap: anywhere; }
#label-list [aria-selected=true] { background: var(--first); color: var(--on-first); }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; margin: 0; }
@media (max-width: 48rem) {
  .suspect { grid-template-columns: minmax(0, 1fr); gap: 0.8rem; }
  .suspect .picture { max-height: 44vh; }
  .actions button { padding: 0.3rem 0.45rem; font-size: 0.8rem; gap: 0.25rem; }
  .actions kbd { display: none; }
  body { padding-bottom: 9rem; }
}
`
