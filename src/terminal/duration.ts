/** Lengths of time as people read them. */

/** Hours that people still read as such. */
const mostHours = 48

/** 0.42 → “0.4 s”, 80 → “1 min 20 s”, 3900 → “1 h 5 min”, 180_000 → “2 d 2 h”. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return parts(Math.floor(whole / 60), 'min', whole % 60, 's')
  const hours = Math.floor(whole / 3600)
  if (hours < mostHours) return parts(hours, 'h', Math.floor((whole % 3600) / 60), 'min')
  return parts(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function parts(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`
}

/** Work that is done faster than this after its start was done before: it says nothing about the pace. */
const settling = 1
/**
 * Where the first that is done is no more than this share of all, what came before it was mostly getting ready: threads
 * start, graphs are built. The pace is counted from there then, once this many seconds tell it.
 */
const smallShare = 0.03
const tellingSeconds = 3

/** Guesses how long a count will still take from the pace so far, all times in seconds. */
export class Pace {
  readonly #total: number
  readonly #start: number
  #base = { done: 0, at: 0 }
  #done = 0
  #isUnderWay = false
  #tellsFrom = 0

  constructor(total: number, now: number) {
    this.#total = total
    this.#start = now
    this.#base = { done: 0, at: now }
  }

  update(done: number, now: number): void {
    this.#done = done
    if (now - this.#start < settling) this.#base = { done, at: now }
    else if (!this.#isUnderWay && done > this.#base.done) {
      this.#isUnderWay = true
      if (done - this.#base.done > smallShare * this.#total) return
      this.#base = { done, at: now }
      this.#tellsFrom = now + tellingSeconds
    }
  }

  /** Undefined as long as nothing is known. */
  secondsLeft(now: number): number | undefined {
    const done = this.#done - this.#base.done
    if (done <= 0 || now < this.#tellsFrom) return undefined
    return ((this.#total - this.#done) / done) * (now - this.#base.at)
  }
}
