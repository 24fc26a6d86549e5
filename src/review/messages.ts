/** What the page and its server say to each other, as JSON. */
import { z } from 'zod'
import { actions, kinds, type ReviewEvent, type Standing } from './decisions.js'
import type { Progress } from './estimate.js'
import { filterSchema, type Suspect, states } from './queue.js'
import type { Neighbor } from './run-tables.js'

/** Suspects on one page at most, and decisions in one request. */
const mostRows = 200
export const mostDecisions = 100_000

const row = z.number().int().min(0)

/** The query of `/api/queue`. */
export const queueQuery = filterSchema.extend({
  state: z.enum(states).default('open'),
  from: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(mostRows).default(60),
})

/** The body of `/api/decide`: one ruling about one suspect or many. */
export const decideBody = z.strictObject({
  rows: z.array(row).min(1).max(mostDecisions),
  action: z.enum(actions),
  label: z.union([row, z.literal('suggested')]).optional(),
  kind: z.enum(kinds).optional(),
  note: z.string().min(1).max(2000).optional(),
})
export type DecideBody = z.output<typeof decideBody>

/** The body of `/api/undo`. */
export const undoBody = z.strictObject({ rows: z.array(row).min(1).max(mostDecisions) })

/** The answer of `/api/run`: all that does not change while the page is open. */
export interface RunAnswer {
  readonly pipeline: string
  readonly run: string
  readonly reviewer: string
  readonly classNames: readonly string[]
  readonly levels: readonly string[]
  readonly form: 'pictures' | 'features'
  readonly pixelated: boolean
  readonly featureNames: readonly string[]
  /** Whether examples have a text that people see. */
  readonly text: boolean
  readonly splits: readonly string[]
  readonly issueKinds: readonly string[]
  readonly hints: readonly string[]
  /** Subgroup attributes and their values. */
  readonly groups: readonly { readonly name: string; readonly values: readonly string[] }[]
  readonly pairs: readonly {
    readonly given: number
    readonly suggested: number
    readonly examples: number
  }[]
  readonly torn: number
  readonly progress: Progress
}

/** A suspect as it comes in a page of the queue. */
export interface QueueRow extends Suspect {
  /** Its place in the order of suspicion, from 0; names it in every request. */
  readonly row: number
  /** Its place in the queue, from 0. */
  readonly place: number
  standing: Standing | null
}

export interface QueueAnswer {
  readonly total: number
  readonly rows: readonly QueueRow[]
}

/** The answer of `/api/suspects/<row>`: what takes a look into further tables. */
export interface DetailAnswer {
  readonly neighbors: readonly Neighbor[]
  readonly history: readonly ReviewEvent[]
  readonly features: readonly number[]
  /** The text that people see, if the example has one. */
  readonly text: string | null
}

/** The answer to a decision, once it is on the disk. */
export interface SavedAnswer {
  /** The suspects of which something else may hold now. */
  readonly changed: readonly { readonly row: number; readonly standing: Standing | null }[]
  readonly progress: Progress
}
