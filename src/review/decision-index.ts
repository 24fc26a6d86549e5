/** What holds of every example, kept up to date as events come in, without going through all of them again. */
import { currentDecisions, decisionKey, type ReviewEvent, type Standing } from './decisions.js'

export class DecisionIndex {
  readonly #byKey = new Map<string, { events: ReviewEvent[]; standing: Standing | undefined }>()
  readonly #byExample = new Map<string, ReviewEvent[]>()

  /** Takes up events, in the order of the log. @returns the keys (`decisionKey`) of which something else may hold */
  add(events: readonly ReviewEvent[]): Set<string> {
    const touched = new Set<string>()
    for (const event of events) {
      const key = decisionKey(event.example_id, event.given)
      touched.add(key)
      const entry = this.#byKey.get(key) ?? { events: [], standing: undefined }
      entry.events.push(event)
      this.#byKey.set(key, entry)
      const own = this.#byExample.get(event.example_id) ?? []
      own.push(event)
      this.#byExample.set(event.example_id, own)
    }
    for (const key of touched) {
      const entry = this.#byKey.get(key)!
      entry.standing = currentDecisions(entry.events).get(key)
    }
    return touched
  }

  standing(key: string): Standing | undefined {
    return this.#byKey.get(key)?.standing
  }

  /** All that was ever said of an example, under whatever label, in the order of the log. */
  history(exampleId: string): readonly ReviewEvent[] {
    return this.#byExample.get(exampleId) ?? []
  }
}
