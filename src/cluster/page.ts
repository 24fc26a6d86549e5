/** The page of a cluster: its queue, its workers and what is left, as they are now. */
import { servedDocument } from '../pages/document.js'
import { html } from '../pages/html.js'
import { json, type PageServer, Refused, type ServerOptions, servePages } from '../pages/serve.js'
import { clientScript } from '../report/client-script.js'
import { styleSheet } from '../report/style-sheet.js'
import type { ClusterView } from './state.js'

/**
 * Serves the page behind a token, as `pieline review` does; it changes nothing in the cluster.
 * @param place the address of its Redis, as {@link addressText} gives it
 * @throws RunError if the port is taken
 */
export async function serveCluster(
  view: ClusterView,
  place: string,
  options: ServerOptions,
): Promise<PageServer> {
  const script = await clientScript(new URL('./client/status-page.js', import.meta.url))
  return servePages(
    {
      name: 'cluster',
      page: { html: clusterPage(place), script, style },
      async answer({ method }, { pathname }) {
        if (method !== 'GET' && method !== 'HEAD') throw new Refused(405, 'only GET is understood')
        if (pathname !== '/api/state') throw new Refused(404, 'there is nothing here')
        return json(await view.read())
      },
    },
    options,
  )
}

const style = `${styleSheet}
main { max-width: 64rem; }
h1 { font-size: 1.4rem; margin: 1.4rem 0 1rem; max-width: none; overflow-wrap: anywhere; }
main section { padding-top: 1rem; }
.counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.2rem, 1fr)); gap: 0.6rem; margin: 0; }
.counts > div { display: flex; flex-direction: column-reverse; justify-content: flex-end; padding: 0.7rem 0.9rem; border: 1px solid var(--line); border-radius: 10px; background: var(--surface); }
.counts dt { color: var(--soft); font-size: 0.86rem; }
.counts dd { margin: 0; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; }
#history { width: min(100%, 30rem); height: 5rem; }
#bars rect { fill: var(--first); }
#history line { stroke: var(--line); }
.trouble { padding: 0.6rem 0.9rem; background: var(--warm); border-left: 4px solid var(--second); border-radius: 4px; }
[hidden] { display: none; }
td { overflow-wrap: anywhere; white-space: pre-line; }
`

const counts = [
  ['left', 'left in the queue'],
  ['rate', 'done a minute'],
  ['count-workers', 'workers'],
  ['count-active', 'active'],
  ['count-waiting', 'waiting'],
  ['count-retrying', 'to be tried again'],
  ['count-set-aside', 'set aside'],
] as const

const heads = (titles: readonly string[]) =>
  html`<thead><tr>${titles.map(title => html`<th scope="col">${title}</th>`)}</tr></thead>`

function clusterPage(place: string): string {
  return servedDocument({
    title: `${place}: pieline cluster`,
    body: html`<main>
<h1>${place}</h1>
<p id="trouble" class="trouble" role="alert" hidden></p>
<dl class="counts">${counts.map(([id, title]) => html`<div><dt>${title}</dt><dd id="${id}">–</dd></div>`)}</dl>
<section aria-labelledby="workers-title"><h2 id="workers-title">Workers</h2>
<table>${heads(['worker', 'job', 'stage', 'for', ''])}<tbody id="workers"></tbody></table></section>
<section aria-labelledby="history-title"><h2 id="history-title">Done in the last ten minutes</h2>
<svg id="history" role="img" viewBox="0 0 120 42" preserveAspectRatio="none"><g id="bars"></g><line x1="0" y1="41.5" x2="120" y2="41.5"></line></svg>
<p id="most"></p></section>
<section id="waiting-box" aria-labelledby="waiting-title" hidden><h2 id="waiting-title">Waiting</h2>
<table>${heads(['stage', 'jobs'])}<tbody id="waiting"></tbody></table></section>
<section id="aside-box" aria-labelledby="aside-title" hidden><h2 id="aside-title">Set aside</h2>
<table>${heads(['job', 'stage', 'tries', 'why'])}<tbody id="aside"></tbody></table>
<p>The same "pieline run" tries them again.</p></section>
</main>`,
    withoutScript: 'The page needs JavaScript; "pieline status --watch" shows the same.',
  })
}
