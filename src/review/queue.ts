/** The queue of suspects: which of them a filter lets through, most suspicious first. */
import { z } from 'zod'
import { isOfKind, kinds } from '../report/client/gallery.js'
import type { Standing } from './decisions.js'

/** A suspect of a run, without what it looks like. */
export interface Suspect {
  readonly id: string
  readonly split: string
  /** Row in examples.parquet. */
  readonly exampleRow: number
  /** Where the example came from. */
  readonly source: string
  /** The beginning of the text that people see; null where there is none. */
  readonly excerpt: string | null
  /** Class indices. */
  readonly given: number
  readonly suggested: number
  /** Probability that the suggested label is right, 0 to 1. */
  readonly suggestedProbability: number
  /** Probability that the given label is right, 0 to 1. */
  readonly labelQuality: number
  /** Between the votes of `dense` and of the levels, 0 to 1. */
  readonly disagreement: number
  readonly issue: boolean
  /** What is wrong with it, of a label issue. */
  readonly issueKind: string | null
  readonly hints: readonly string[]
  /** Modal label, agreement and PIE mark of each level, `dense` first. */
  readonly modal: readonly number[]
  readonly agreement: readonly number[]
  readonly pie: readonly boolean[]
  /** Its value of each subgroup attribute, in the order of the run's attributes. */
  readonly groups: readonly (string | null)[]
}

/** What of a suspect has been decided. */
export const states = ['open', 'mine', 'decided', 'disputed', 'any'] as const
/** Whether a suspect is open, for anybody or the reviewer, decided, or disputed. */
export type State = (typeof states)[number]

const classIndex = z.coerce.number().int().min(0)

/** What a queue holds; everything that is absent lets everything through. */
export const filterSchema = z.strictObject({
  kind: z.enum(kinds).default('any').describe('label issues, PIEs, both or either'),
  issueKind: z.string().optional().describe('what is wrong with it'),
  given: classIndex.optional().describe('class index of the given label'),
  suggested: classIndex.optional().describe('class index of the suggested label'),
  hint: z.string().optional(),
  split: z.string().optional(),
  group: z.coerce.number().int().min(0).optional().describe('index of a subgroup attribute'),
  groupValue: z.string().optional().describe('its value'),
  text: z
    .string()
    .default('')
    .describe('part of the id, the source or the beginning of the text, in any case'),
})
/** Which suspects a queue holds. */
export type Filter = z.output<typeof filterSchema>

/** Rows (places in the order of suspicion) that pass the filter, most suspicious first. */
export function select(suspects: readonly Suspect[], filter: Filter): Int32Array {
  const text = filter.text.trim().toLowerCase()
  const holds = (of: string): boolean => of.toLowerCase().includes(text)
  const isWanted = (suspect: Suspect): boolean =>
    isOfKind(filter.kind, suspect.issue, suspect.pie.includes(true)) &&
    (filter.issueKind === undefined || suspect.issueKind === filter.issueKind) &&
    (filter.given === undefined || suspect.given === filter.given) &&
    (filter.suggested === undefined || suspect.suggested === filter.suggested) &&
    (filter.hint === undefined || suspect.hints.includes(filter.hint)) &&
    (filter.split === undefined || suspect.split === filter.split) &&
    (filter.group === undefined || (suspect.groups[filter.group] ?? '') === (filter.groupValue ?? '')) &&
    (text === '' || holds(suspect.id) || holds(suspect.source) || holds(suspect.excerpt ?? ''))
  const rows: number[] = []
  for (const [row, suspect] of suspects.entries()) if (isWanted(suspect)) rows.push(row)
  return Int32Array.from(rows)
}

/** Whether a suspect is in this state for the reviewer. `mine`: the reviewer has not decided it, others may have. */
export function isInState(state: State, standing: Standing | undefined, reviewer: string): boolean {
  switch (state) {
    case 'any':
      return true
    case 'open':
      return standing === undefined
    case 'mine':
      return standing?.byReviewer.every(decision => decision.reviewer !== reviewer) ?? true
    case 'decided':
      return standing !== undefined
    case 'disputed':
      return standing?.disputed ?? false
  }
}

/** Given and suggested label of label issues, and how many there are, the most frequent first. */
export function confusionPairs(
  suspects: readonly Suspect[],
  most: number,
): { given: number; suggested: number; examples: number }[] {
  const pairs = new Map<string, { given: number; suggested: number; examples: number }>()
  for (const { issue, given, suggested } of suspects) {
    if (!issue || given === suggested) continue
    const key = `${given} ${suggested}`
    const pair = pairs.get(key) ?? { given, suggested, examples: 0 }
    pair.examples++
    pairs.set(key, pair)
  }
  return [...pairs.values()].sort((a, b) => b.examples - a.examples).slice(0, most)
}
