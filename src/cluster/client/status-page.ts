/**
 * The page of a cluster in the browser. The compiled text of this module is what the server sends; it imports nothing at
 * run time. Text from the queue only ever becomes text nodes.
 */
import type { ClusterState } from '../state.js'

/** Milliseconds between two looks, and after which one is given up. */
const pause = 1000
const patience = 5000

/** Fills the page, and again every second. */
export async function start(document: Document): Promise<void> {
  const page = (id: string) => document.getElementById(id)!
  for (;;) {
    if (!document.hidden) {
      try {
        const answer = await fetch('/api/state', { signal: AbortSignal.timeout(patience) })
        if (!answer.ok) throw new Error(`The server answers ${answer.status}.`)
        fill((await answer.json()) as ClusterState)
        page('trouble').hidden = true
      } catch (error) {
        const isSlow = error instanceof DOMException && error.name === 'TimeoutError'
        page('trouble').textContent = isSlow
          ? 'Redis does not answer; what is below is old.'
          : `Nothing new: ${error instanceof Error ? error.message : error}`
        page('trouble').hidden = false
      }
    }
    await new Promise(resolve => setTimeout(resolve, pause))
  }

  function fill(state: ClusterState): void {
    const waiting = Object.values(state.waiting).reduce((sum, count) => sum + count, 0)
    const nothing = state.active.length + waiting + state.retrying === 0
    put('count-workers', String(state.workers.length))
    put('count-active', String(state.active.length))
    put('count-waiting', String(waiting))
    put('count-retrying', String(state.retrying))
    put('count-set-aside', String(state.setAside.length))
    put('rate', state.perMinute.toFixed(1))
    put('left', nothing ? 'nothing to do' : state.secondsLeft === undefined ? '–' : span(state.secondsLeft))
    page('waiting').replaceChildren(
      ...Object.entries(state.waiting).map(([stage, count]) => row([stage, String(count)])),
    )
    page('waiting-box').hidden = waiting === 0
    page('workers').replaceChildren(...workerRows(state))
    page('aside').replaceChildren(
      ...state.setAside.map(({ kind, title, stage, reason, tries }) =>
        row([`${kind} ${title}`, stage, String(tries), reason]),
      ),
    )
    page('aside-box').hidden = state.setAside.length === 0
    draw(state.history)
  }

  function workerRows({ workers, active }: ClusterState): HTMLElement[] {
    const names = [...new Set([...workers, ...active.map(({ worker }) => worker)])].sort()
    return names.flatMap(name => {
      const jobs = active.filter(({ worker }) => worker === name)
      // One that has a job and is not connected died, or lost its network.
      const shown = workers.includes(name) ? name : `${name} (not connected)`
      if (jobs.length === 0) return [row([shown, 'idle', '', '', ''])]
      return jobs.map(({ kind, title, stage, seconds, report }) =>
        row([
          shown,
          `${kind} ${title}`,
          stage,
          span(seconds),
          report === undefined ? '' : `${report.steps} steps, loss ${report.loss.toFixed(3)}`,
        ]),
      )
    })
  }

  /** Jobs done a minute as bars, oldest first. */
  function draw(history: readonly number[]): void {
    const most = Math.max(1, ...history)
    const bars = history.map((count, at) => {
      const bar = document.createElementNS('http://www.w3.org/2000/svg', 'rect')
      const height = (count / most) * 40
      for (const [name, value] of Object.entries({ x: at * 12 + 1, y: 41 - height, width: 10, height })) {
        bar.setAttribute(name, String(value))
      }
      return bar
    })
    page('bars').replaceChildren(...bars)
    page('history').setAttribute(
      'aria-label',
      `Jobs done in each of the last ten minutes: ${history.join(', ')}`,
    )
    put('most', `at most ${most} a minute`)
  }

  function put(id: string, text: string): void {
    if (page(id).textContent !== text) page(id).textContent = text
  }

  function row(cells: readonly string[]): HTMLElement {
    const line = document.createElement('tr')
    line.append(
      ...cells.map((text, at) => {
        const cell = document.createElement(at === 0 ? 'th' : 'td')
        if (at === 0) cell.setAttribute('scope', 'row')
        cell.textContent = text
        return cell
      }),
    )
    return line
  }

  function span(seconds: number): string {
    const whole = Math.round(seconds)
    if (whole < 60) return `${whole} s`
    const minutes = Math.floor(whole / 60)
    return minutes < 60
      ? `${minutes} min ${whole % 60} s`
      : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  }
}
