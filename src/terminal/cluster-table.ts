/** What a cluster is doing, as text. */
import type { ClusterState } from '../cluster/state.js'
import { counted } from '../report/format.js'
import { duration } from './duration.js'
import type { Style } from './style.js'
import { table } from './table.js'

/** @param place the address of its Redis, as {@link addressText} gives it */
export function clusterText(state: ClusterState, place: string, style: Style): string {
  const { workers, active, waiting, retrying, setAside, perMinute, secondsLeft } = state
  const waitingCount = Object.values(waiting).reduce((sum, count) => sum + count, 0)
  const stages = Object.entries(waiting).map(([stage, count]) => `${count} ${stage}`)
  const left =
    secondsLeft === undefined || active.length + waitingCount === 0
      ? ''
      : ` · about ${duration(secondsLeft)} left of them`
  const parts = [
    `${style('bold', place)}  ${counted(workers.length, 'worker')}`,
    `  ${active.length} active · ${waitingCount} waiting${stages.length > 0 ? ` (${stages.join(', ')})` : ''}` +
      ` · ${retrying} to be tried again · ${setAside.length} set aside`,
    `  ${perMinute.toFixed(1)} done a minute${left}`,
  ]
  if (active.length > 0) {
    const rows = active.map(({ worker, stage, kind, title, seconds, report }) => [
      worker,
      stage,
      `${kind} ${title}`,
      duration(seconds),
      report === undefined ? '' : `${report.steps} steps, loss ${report.loss.toFixed(3)}`,
    ])
    const columns = ['worker', 'stage', 'job', 'for', ''].map(title => ({ title }))
    parts.push('', table(columns, rows, style))
  }
  for (const { stage, kind, title, reason, tries } of setAside) {
    parts.push(
      '',
      `  ${style('red', 'set aside')}  ${kind} ${title} (${stage}), after ${counted(tries, 'try', 'tries')}`,
      ...reason.split('\n').map(line => `    ${line.trim()}`),
    )
  }
  if (setAside.length > 0) parts.push('', '  "pieline run" as before tries them again.')
  return parts.join('\n')
}
