/** Which suspects the report lists, and which of them it shows with their picture. */
import type { Suspect } from './data.js'

/** Suspects that the page lists at most: some 2 MB of JSON. */
export const listedSuspects = 10_000

/**
 * Keeps the most suspicious of a stream of suspects that comes most suspicious first. Where there are too many, label
 * issues and PIEs that are none get half of the places each, and leave the other what they do not need: either kind
 * stays in sight.
 */
export class SuspectChoice {
  readonly #places: number
  readonly #issues: Suspect[] = []
  readonly #pies: Suspect[] = []
  /** Suspects seen, and label issues and PIEs among them. */
  total = 0
  issues = 0
  pies = 0

  constructor(places = listedSuspects) {
    this.#places = places
  }

  add(suspect: Suspect): void {
    if (suspect.issue) this.issues++
    if (suspect.votes.some(({ pie }) => pie)) this.pies++
    const queue = suspect.issue ? this.#issues : this.#pies
    if (queue.length < this.#places) queue.push(suspect)
    this.total++
  }

  /** Those to list, by rank. */
  listed(): Suspect[] {
    const half = Math.floor(this.#places / 2)
    const issues = Math.min(this.#issues.length, Math.max(half, this.#places - this.#pies.length))
    const chosen = [...this.#issues.slice(0, issues), ...this.#pies.slice(0, this.#places - issues)]
    return chosen.sort((a, b) => a.rank - b.rank)
  }
}

/**
 * Rows that should have a picture, the most deserving first: the most suspicious for three fifths of the places, then,
 * in turn, the next of each given class and kind, so that filters find pictures too.
 */
export function pictureOrder(listed: readonly Suspect[], places: number): number[] {
  const first = Math.min(listed.length, Math.ceil(places * 0.6))
  const order = Array.from({ length: first }, (_, row) => row)
  const queues = new Map<string, number[]>()
  for (let row = first; row < listed.length; row++) {
    const { given, issue } = listed[row]!
    const key = `${given} ${issue}`
    const queue = queues.get(key)
    if (queue === undefined) queues.set(key, [row])
    else queue.push(row)
  }
  const depth = Math.max(0, ...[...queues.values()].map(queue => queue.length))
  for (let turn = 0; turn < depth && order.length < places; turn++) {
    for (const queue of queues.values()) {
      if (turn < queue.length && order.length < places) order.push(queue[turn]!)
    }
  }
  return order
}
