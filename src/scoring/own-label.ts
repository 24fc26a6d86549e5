/**
 * What members owe to having trained on the very label that they judge.
 *
 * A step of training raises the logit of the given label by its residual 1 − p times how strongly the example pulls on
 * the weights, which grows with the residual as well. So a member that trained on an example is taken to have its given
 * label's logit raised by d (1 − p)². Images do not differ between those a member trained on and the others, so d is
 * the one with which members, once it is taken off, are as sure of the former as they are of the latter. Labels play
 * no part in that: those of a test set may be better, or worse.
 */
import type { LeadingClasses } from './leading-classes.js'

/** Probability of the given label, had the example been left out. @param influence d ≥ 0 */
export function withoutOwnLabel(p: number, influence: number): number {
  if (influence === 0) return p
  const kept = p * Math.exp(-influence * (1 - p) ** 2)
  return kept / (1 - p + kept)
}

/** Takes it off, in place. @param trained 1 where d is to be taken off, [examples] */
export function removeOwnLabels(leading: LeadingClasses, trained: Uint8Array, influence: number): void {
  if (influence === 0) return
  const { givenP, rivals, rivalP, restP, restSquares } = leading
  for (let i = 0; i < trained.length; i++) {
    const p = givenP[i]
    if (!trained[i] || p === 1 || Number.isNaN(p)) continue
    const kept = withoutOwnLabel(p, influence)
    const scale = (1 - kept) / (1 - p)
    givenP[i] = kept
    for (let at = i * rivals; at < (i + 1) * rivals; at++) rivalP[at] *= scale
    restP[i] *= scale
    restSquares[i] *= scale ** 2
  }
}

/** Fewer examples out of sample than this leave their mean confidence too uncertain to go by. */
const leastReference = 500
const largestInfluence = 4
const scanStep = 0.25
const bisections = 16

/**
 * The influence d of their own labels on the examples that members trained on; 0 where there are too few others to
 * compare with, or where members are no surer of what they trained on.
 *
 * @param trained 1 where an example is judged by members that trained on it, [examples]
 */
export function ownLabelInfluence(leading: LeadingClasses, trained: Uint8Array): number {
  const rows: number[] = []
  let others = 0
  let sum = 0
  for (let i = 0; i < trained.length; i++) {
    if (Number.isNaN(leading.givenP[i])) continue
    if (trained[i]) rows.push(i)
    else {
      others++
      sum += confidenceWithout(leading, i, 0)
    }
  }
  if (others < leastReference || rows.length === 0) return 0
  const gap = (influence: number) =>
    rows.reduce((total, i) => total + confidenceWithout(leading, i, influence), 0) / rows.length -
    sum / others
  // Far beyond the mark members grow surer again, of the other classes: the first crossing counts.
  let [low, lowGap] = [0, gap(0)]
  if (lowGap <= 0) return 0
  while (low < largestInfluence) {
    let high = low + scanStep
    const highGap = gap(high)
    if (highGap > lowGap) return low
    if (highGap <= 0) {
      for (let step = 0; step < bisections; step++) {
        const middle = (low + high) / 2
        if (gap(middle) > 0) low = middle
        else high = middle
      }
      return low
    }
    low = high
    lowGap = highGap
  }
  return low
}

/** Highest probability of an example, had it been left out. */
function confidenceWithout({ givenP, rivals, rivalP }: LeadingClasses, i: number, influence: number): number {
  const p = givenP[i]
  const own = withoutOwnLabel(p, influence)
  return p === 1 ? own : Math.max(own, (rivalP[i * rivals] * (1 - own)) / (1 - p))
}
