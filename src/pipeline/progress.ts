/** How a stage says how far it is. The command line draws it; stages do not know how. */
export interface Progress {
  /** Begins a count towards `total` units of work; a second call begins anew. */
  start(label: string, total: number): void
  /** Adds work done; `note` is shown beside the bar, such as the accuracy so far. */
  advance(units: number, note?: string): void
  /** A line worth keeping in the log. */
  log(message: string): void
}

/** A progress nobody looks at, for tests and for use as a library. */
export const silentProgress: Progress = { start() {}, advance() {}, log() {} }
