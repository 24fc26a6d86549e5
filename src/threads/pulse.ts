/**
 * Signs of life of a thread, counted in memory that both sides see: one that is stuck could send no message, and one
 * that computes gets to send none for long.
 */

/** A count on shared memory. */
export type Pulse = Int32Array<SharedArrayBuffer>

export const createPulse = (): Pulse => new Int32Array(new SharedArrayBuffer(4))

/** Says that the thread has got further. */
export function beat(pulse: Pulse): void {
  Atomics.add(pulse, 0, 1)
}

/** How long a thread may give no sign of life, in milliseconds. */
export interface Patience {
  /** Before the second sign: only then is anything known of how slow the work is. */
  readonly first: number
  /** After it, at least. */
  readonly least: number
}

/** Ten steps of the largest networks take some minutes, and reading the training set over a slow network as long. */
export const usualPatience: Patience = { first: 7_200_000, least: 600_000 }

/** Silence of so many times the longest one between two signs so far is waited for too. */
const timesTheLongest = 20
/** Looks within the least patience. */
const looks = 20

/**
 * Calls `onSilence` once, with the milliseconds of silence, when a thread gave no sign of life for too long. Time in
 * which this process itself stood still (suspended, stopped) is not counted.
 * @returns a function that ends the watch
 */
export function watchPulse(
  pulse: Pulse,
  { first, least }: Patience,
  onSilence: (silence: number) => void,
): () => void {
  const every = least / looks
  let signs = 0
  let looked = performance.now()
  let silence = 0
  let longest = 0
  const timer = setInterval(() => {
    const now = performance.now()
    silence += Math.min(now - looked, 2 * every)
    looked = now
    const counted = Atomics.load(pulse, 0)
    if (counted !== signs) {
      if (signs > 0) longest = Math.max(longest, silence)
      signs = counted
      silence = 0
      return
    }
    if (silence <= (signs < 2 ? first : Math.max(least, timesTheLongest * longest))) return
    clearInterval(timer)
    onSilence(silence)
  }, every)
  timer.unref()
  return () => clearInterval(timer)
}
