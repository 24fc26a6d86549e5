import type { Evidence } from './evidence.js'

/**
 * Mean logit margin of each example over the members whose evidence counts, [examples]; NaN where none does.
 * A member's margin is log p(given label) − log max p(other label), which equals the difference of the logits.
 *
 * @param margins [examples, members]
 * @param inSample 1 where the member trained on the example, [examples, members]
 */
export function meanMargins(
  margins: ArrayLike<number>,
  inSample: ArrayLike<number>,
  members: number,
  evidence: Evidence,
): Float32Array {
  const examples = margins.length / members
  const means = new Float32Array(examples)
  for (let i = 0; i < examples; i++) {
    let outOfSample = 0
    let outOfSampleSum = 0
    let sum = 0
    for (let k = i * members; k < (i + 1) * members; k++) {
      sum += margins[k]
      if (inSample[k] === 0) {
        outOfSample++
        outOfSampleSum += margins[k]
      }
    }
    const everyone = evidence === 'all' || (evidence === 'auto' && outOfSample === 0)
    means[i] = everyone ? sum / members : outOfSampleSum / outOfSample
  }
  return means
}

/**
 * How well each given label fits the evidence, [examples], 0 (surely wrong) to 1: the logistic function of the
 * weighted mean of the levels' mean margins. ½ is where the members, by the geometric mean of their odds, find the
 * given label and its strongest rival equally likely. NaN where no level has evidence.
 *
 * @param margins of each level, [examples]; NaN where the level has no evidence
 * @param weights of each level, ≥ 0
 */
export function labelQuality(margins: readonly Float32Array[], weights: ArrayLike<number>): Float32Array {
  const quality = new Float32Array(margins[0].length)
  for (let i = 0; i < quality.length; i++) {
    let sum = 0
    let total = 0
    for (let level = 0; level < margins.length; level++) {
      const margin = margins[level][i]
      const weight = weights[level]
      if (weight === 0 || Number.isNaN(margin)) continue
      sum += weight * margin
      total += weight
    }
    quality[i] = 1 / (1 + Math.exp(-sum / total))
  }
  return quality
}
