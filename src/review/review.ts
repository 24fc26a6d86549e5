/** A review of a run: its suspects and the decisions about them, for the page, the terminal and spreadsheets alike. */
import { ConfigError } from '../errors.js'
import type { Run } from '../pipeline/runs.js'
import { DecisionIndex } from './decision-index.js'
import { decisionsPath, openDecisionLog } from './decision-log.js'
import { type Decision, decisionKey, type ReviewEvent, type Standing, type Verdict } from './decisions.js'
import { Outcome, type Progress, reviewProgress } from './estimate.js'
import { type Filter, isInState, type State, select } from './queue.js'
import { openRunTables, type RunTables } from './run-tables.js'

/** A verdict about a suspect; `suggested` takes whatever its suggestion is. */
export interface Ruling extends Omit<Verdict, 'label'> {
  /** Class index of the new label. */
  readonly label?: number | 'suggested' | undefined
}

/** A part of a queue. */
export interface Page {
  /** How many suspects the queue holds, in whatever state. */
  readonly total: number
  /** Places in the queue and rows of the suspects on this page. */
  readonly places: readonly number[]
  readonly rows: readonly number[]
}

/** A review that is open. */
export interface Review {
  readonly run: Run
  readonly tables: RunTables
  readonly reviewer: string
  readonly decisionsPath: string
  /** Lines of the decisions' file that a crash cut short before this review. */
  readonly torn: readonly number[]
  /** The rows of a queue, whatever their state. */
  rows(filter: Filter): Int32Array
  /** A part of a queue: at most `limit` suspects in a state, from a place on. */
  page(filter: Filter, state: State, from: number, limit: number): Page
  /** What holds of a suspect; undefined where nobody decided. */
  standing(row: number): Standing | undefined
  /** All that was said of an example, under whatever label. */
  history(row: number): readonly ReviewEvent[]
  /** How far the review is. */
  progress(): Progress
  /** Takes up what other processes wrote. */
  refresh(): Promise<void>
  /**
   * Rules on suspects, each of which gets a decision of its own, and returns once they are on the disk.
   * @throws ConfigError if the verdict makes no sense for one of them; then none is decided
   */
  decide(rulings: readonly (readonly [row: number, ruling: Ruling])[]): Promise<void>
  /** Takes back the reviewer's own decisions about these suspects. @returns the rows of which there was one */
  undo(rows: readonly number[]): Promise<number[]>
  /** Ends it; what was decided is on the disk. */
  close(): Promise<void>
}

/** Opens a run for review; the file of decisions is made where there is none. */
export async function openReview(run: Run, reviewer: string): Promise<Review> {
  const tables = await openRunTables(run.folder)
  const log = await openDecisionLog(decisionsPath(run.folder))
  const { suspects, info } = tables
  const { classNames } = info
  const keys = suspects.map(({ id, given }) => decisionKey(id, classNames[given]))
  const rowOf = new Map(keys.map((key, row) => [key, row]))
  const index = new DecisionIndex()
  const outcomes = new Uint8Array(suspects.length)
  const labelQuality = Float32Array.from(suspects, suspect => suspect.labelQuality)
  let selected: { readonly key: string; readonly rows: Int32Array } | undefined

  async function refresh(): Promise<void> {
    for (const key of index.add(await log.news())) {
      const row = rowOf.get(key)
      if (row !== undefined) outcomes[row] = outcomeOf(index.standing(key)?.decision)
    }
  }

  function rows(filter: Filter): Int32Array {
    const key = JSON.stringify(filter)
    if (selected?.key !== key) selected = { key, rows: select(suspects, filter) }
    return selected.rows
  }

  const questionOf = (row: number) => ({
    example_id: suspects[row].id,
    given: classNames[suspects[row].given],
  })

  function verdictOf(row: number, { label, ...rest }: Ruling): Verdict {
    const { given, suggested } = suspects[row]
    if (rest.action !== 'relabel') return rest
    const chosen = label === 'suggested' ? suggested : label
    if (chosen === undefined || classNames[chosen] === undefined) {
      throw new ConfigError('there is no label to relabel to', { key: suspects[row].id })
    }
    // Who picks the given label out of the list, or takes a suggestion that confirms it, keeps it.
    if (chosen === given) return { ...rest, action: 'keep' }
    return { kind: 'mislabeled', ...rest, label: classNames[chosen] }
  }

  const standing = (row: number) => index.standing(keys[row])
  await refresh()
  return {
    run,
    tables,
    reviewer,
    decisionsPath: log.path,
    torn: log.torn,
    rows,
    page(filter, state, from, limit) {
      const queue = rows(filter)
      const places: number[] = []
      for (let place = from; place < queue.length && places.length < limit; place++) {
        if (isInState(state, standing(queue[place]), reviewer)) places.push(place)
      }
      return { total: queue.length, places, rows: places.map(place => queue[place]) }
    },
    standing,
    history: row => index.history(suspects[row].id),
    progress: () => reviewProgress(labelQuality, outcomes),
    refresh,
    async decide(rulings) {
      await log.decide(
        rulings.map(([row, ruling]) => ({ ...questionOf(row), ...verdictOf(row, ruling) })),
        reviewer,
      )
      await refresh()
    },
    async undo(wanted) {
      await refresh()
      const own = wanted.flatMap(row => {
        const decision = standing(row)?.byReviewer.find(by => by.reviewer === reviewer)
        return decision === undefined ? [] : [{ row, decision }]
      })
      if (own.length > 0) {
        await log.undo(
          own.map(({ row, decision }) => ({ id: decision.id, ...questionOf(row) })),
          reviewer,
        )
        await refresh()
      }
      return own.map(({ row }) => row)
    },
    async close() {
      await log.close()
      tables.close()
    },
  }
}

/** A label is wrong where somebody changed it or took the example out, right where it was kept. */
function outcomeOf(decision: Decision | undefined): number {
  switch (decision?.action) {
    case undefined:
      return Outcome.open
    case 'keep':
      return Outcome.right
    case 'unsure':
      return Outcome.unsure
    default:
      return Outcome.wrong
  }
}
