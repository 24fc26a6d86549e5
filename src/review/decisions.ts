/**
 * What people decided about suspects. A decision is an event and is never changed: the log is append-only, and what
 * holds of an example follows from all that was said of it. Everything here is pure; `decision-log.ts` has the file.
 */
import { z } from 'zod'
import { DataError } from '../errors.js'
import { verdictKinds as kinds } from '../inspection/hints.js'
import { inWords } from '../schema-words.js'

/** What is to become of the example: its label stands, is replaced, it leaves the data set, or nobody can tell. */
export const actions = ['keep', 'relabel', 'drop', 'unsure'] as const
/** What kind of example it is. */
export { kinds }

const longestText = 2000
const text = z.string().min(1).max(longestText)

const common = {
  id: z.string().min(1).max(64).describe('names this event'),
  example_id: z.string().min(1).describe('the example, as in examples.parquet'),
  given: z.string().describe('class name of the label that was judged'),
  reviewer: text.describe('who decided'),
  time: z.iso.datetime().describe('when, UTC'),
}

const decisionSchema = z
  .strictObject({
    ...common,
    action: z.enum(actions).describe('what is to become of the example'),
    label: z.string().optional().describe('class name of the new label, with `relabel` alone'),
    kind: z.enum(kinds).optional().describe('what kind of example it is'),
    note: text.optional().describe('why, in words'),
  })
  .refine(({ action, label }) => (action === 'relabel') === (label !== undefined), {
    path: ['label'],
    message: 'there must be a label with the action relabel, and with no other',
  })
  .refine(({ given, label }) => label !== given, {
    path: ['label'],
    message: 'is the given one: the action is keep',
  })

const undoSchema = z.strictObject({
  ...common,
  undoes: z.string().min(1).describe('id of the decision that its reviewer takes back'),
})

/** A line of `decisions.jsonl`: a decision, or that one is taken back. */
export const reviewEventSchema = z.union([undoSchema, decisionSchema])

export type Action = (typeof actions)[number]
export type Kind = (typeof kinds)[number]
/** A line of `decisions.jsonl`: what somebody said of a label. */
export type Decision = z.infer<typeof decisionSchema>
export type Undo = z.infer<typeof undoSchema>
/** A decision, or that one is taken back. */
export type ReviewEvent = z.infer<typeof reviewEventSchema>
/** What a reviewer says of an example; the log adds who, when and the id. */
export type Verdict = Pick<Decision, 'action' | 'label' | 'kind' | 'note'>

export const isUndo = (event: ReviewEvent): event is Undo => 'undoes' in event

export interface ParsedLog {
  /** In the order of the file, which is the order in which they happened. */
  readonly events: readonly ReviewEvent[]
  /** Lines, counted from 1, that a crash cut short; nobody was told that they were saved. */
  readonly torn: readonly number[]
}

/**
 * The events of a decision log.
 *
 * A line that is no JSON is what a crash leaves of a write (writers begin a line of their own after it), and is
 * reported in `torn`.
 * @throws DataError that names the line, if one is whole but no event
 */
export function parseEvents(jsonl: string): ParsedLog {
  const events: ReviewEvent[] = []
  const torn: number[] = []
  for (const [index, line] of jsonl.split('\n').entries()) {
    if (line.trim() === '') continue
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      torn.push(index + 1)
      continue
    }
    events.push(parseEvent(value, index + 1))
  }
  return { events, torn }
}

function parseEvent(value: unknown, line: number): ReviewEvent {
  const undo = typeof value === 'object' && value !== null && 'undoes' in value
  const result = (undo ? undoSchema : decisionSchema).safeParse(value, inWords)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const key = issue.path.join('.')
  throw new DataError(`line ${line} is no decision: ${issue.message}`, {
    ...(key !== '' && { key }),
    mend: 'Mend or remove the line.',
  })
}

/** A line of the log, with its end. */
export function formatEvent(event: ReviewEvent): string {
  return `${JSON.stringify(event)}\n`
}

/** What holds of an example. */
export interface Standing {
  /** The last decision that was not taken back. */
  readonly decision: Decision
  /** The last decision of each reviewer, in the order in which they were made; `decision` is the last of them. */
  readonly byReviewer: readonly Decision[]
  /** Whether two reviewers decided otherwise (another action or label); who is unsure contradicts nobody. */
  readonly disputed: boolean
}

/** What a decision is about: a label that was changed since is another question. */
export function decisionKey(exampleId: string, given: string): string {
  return JSON.stringify([exampleId, given])
}

/** What holds of every example that somebody decided, by {@link decisionKey}. */
export function currentDecisions(events: readonly ReviewEvent[]): Map<string, Standing> {
  const undone = new Set(events.filter(isUndo).map(({ undoes }) => undoes))
  const latest = new Map<string, Map<string, Decision>>()
  for (const event of events) {
    if (isUndo(event) || undone.has(event.id)) continue
    const key = decisionKey(event.example_id, event.given)
    const reviewers = latest.get(key) ?? new Map<string, Decision>()
    // Taken out first, so that the map stays in the order of the last decisions.
    reviewers.delete(event.reviewer)
    latest.set(key, reviewers.set(event.reviewer, event))
  }
  return new Map(
    Array.from(latest, ([key, reviewers]) => {
      const byReviewer = [...reviewers.values()]
      return [key, { decision: byReviewer.at(-1)!, byReviewer, disputed: isDisputed(byReviewer) }]
    }),
  )
}

function isDisputed(decisions: readonly Decision[]): boolean {
  const said = decisions.filter(({ action }) => action !== 'unsure')
  return new Set(said.map(({ action, label }) => JSON.stringify([action, label]))).size > 1
}
