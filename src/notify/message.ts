/** What webhooks and commands hear of a run. */
import { randomUUID } from 'node:crypto'
import type { Verdict } from '../gates/check.js'

/** `passed`: all gates held; `gate`: one did not; `failed`: the run did not come to its end. */
export type RunOutcome = 'passed' | 'gate' | 'failed'

export interface Message {
  /** The same each time it is delivered, so that a second delivery can be told. */
  readonly id: string
  readonly event: RunOutcome
  readonly pipeline: string
  /** Null where the run did not begin. */
  readonly run: string | null
  /** UTC, ISO 8601. */
  readonly time: string
  /** For people, in a sentence or two. */
  readonly summary: string
  /** Absolute path of the run folder. */
  readonly folder?: string
  /** Of a run that came to its end: gates, and all figures. */
  readonly verdict?: Verdict
}

export function messageOf(content: Omit<Message, 'id' | 'time'>): Message {
  return { id: randomUUID(), time: new Date().toISOString(), ...content }
}
