/** How well label quality does its work, where the truth is known. Nothing here flows back into a score. */
import { auroc, averagePrecision, precisionAt } from './detection-metrics.js'

/** True label of an example that belongs to no class. */
export const noClass = -1
/** Stands for the true label of an example whose truth nobody knows. */
export const unknownTruth = -2

export interface JudgedLabels {
  /** Given labels, [examples]. */
  readonly labels: Int32Array
  /** True labels, {@link noClass} or {@link unknownTruth}, [examples]. */
  readonly truth: Int32Array
}

export interface Detection {
  /** Wrong labels there are. */
  readonly issues: number
  readonly auroc: number
  readonly averagePrecision: number
  /** Share of the wrong labels that are marked. */
  readonly recall: number
}

export interface TruthComparison extends Detection {
  /** Share of wrong labels among the 1 % of examples with the lowest label quality (at least one example). */
  readonly precisionAt1: number
  readonly precisionAt5: number
  /** Share of wrong labels among the marked ones; NaN where none is marked. */
  readonly precision: number
  /** Expected calibration error of label quality as the probability that a label is right; see {@link reliability}. */
  readonly calibrationError: number
  /** Each kind of error against the correct labels; kinds that do not occur are left out. */
  readonly byKind: Readonly<Partial<Record<'other class' | 'no class', Detection>>>
}

/**
 * Compares label quality and marks with the truth, over the examples whose truth is known.
 * @returns undefined where no label is known to be wrong or none to be right: there is nothing to tell apart
 */
export function compareWithTruth(
  { labels, truth }: JudgedLabels,
  quality: ArrayLike<number>,
  issues: ArrayLike<number>,
): TruthComparison | undefined {
  const known: number[] = []
  for (let i = 0; i < truth.length; i++) {
    if (truth[i] !== unknownTruth && !Number.isNaN(quality[i])) known.push(i)
  }
  const right = known.filter(i => truth[i] === labels[i])
  const wrong = known.filter(i => truth[i] !== labels[i])
  if (right.length === 0 || wrong.length === 0) return undefined

  const detect = (errors: readonly number[]): Detection => {
    const rows = [...right, ...errors]
    const suspicion = Float64Array.from(rows, i => -quality[i])
    const positive = Uint8Array.from(rows, (_, k) => (k < right.length ? 0 : 1))
    return {
      issues: errors.length,
      auroc: auroc(suspicion, positive),
      averagePrecision: averagePrecision(suspicion, positive),
      recall: errors.filter(i => issues[i]).length / errors.length,
    }
  }
  const suspicion = Float64Array.from(known, i => -quality[i])
  const positive = Uint8Array.from(known, i => (truth[i] === labels[i] ? 0 : 1))
  const precisionOfShare = (share: number) =>
    precisionAt(suspicion, positive, Math.max(1, Math.round(share * known.length)))
  const marked = known.filter(i => issues[i])
  const kinds = {
    'other class': wrong.filter(i => truth[i] !== noClass),
    'no class': wrong.filter(i => truth[i] === noClass),
  }
  return {
    ...detect(wrong),
    precisionAt1: precisionOfShare(0.01),
    precisionAt5: precisionOfShare(0.05),
    precision: marked.filter(i => truth[i] !== labels[i]).length / marked.length,
    calibrationError: calibrationError(reliability({ labels, truth }, quality)),
    byKind: Object.fromEntries(
      Object.entries(kinds)
        .filter(([, errors]) => errors.length > 0)
        .map(([kind, errors]) => [kind, detect(errors)]),
    ),
  }
}

/** Labels of about the same quality. */
export interface ReliabilityBin {
  readonly examples: number
  /** Their mean quality. */
  readonly quality: number
  /** Share of them that is right. */
  readonly right: number
}

const bins = 10

/** Quality against the truth in ten bins of equal width, over the examples whose truth is known; empty ones left out. */
export function reliability({ labels, truth }: JudgedLabels, quality: ArrayLike<number>): ReliabilityBin[] {
  const sums = Array.from({ length: bins }, () => ({ examples: 0, quality: 0, right: 0 }))
  for (let i = 0; i < labels.length; i++) {
    if (truth[i] === unknownTruth || Number.isNaN(quality[i])) continue
    const sum = sums[Math.min(bins - 1, Math.floor(quality[i] * bins))]
    sum.examples++
    sum.quality += quality[i]
    if (truth[i] === labels[i]) sum.right++
  }
  return sums
    .filter(({ examples }) => examples > 0)
    .map(sum => ({
      examples: sum.examples,
      quality: sum.quality / sum.examples,
      right: sum.right / sum.examples,
    }))
}

/** Expected calibration error: |quality − share right|, mean over examples (Guo et al. 2017, arXiv 1706.04599, eq. 3). */
export function calibrationError(reliability: readonly ReliabilityBin[]): number {
  let error = 0
  let examples = 0
  for (const bin of reliability) {
    error += bin.examples * Math.abs(bin.quality - bin.right)
    examples += bin.examples
  }
  return error / examples
}

/** Share of wrong labels among the rows whose flag is `flag` and whose truth is known; NaN where there are none. */
export function noiseShare({ labels, truth }: JudgedLabels, flags: ArrayLike<number>, flag: 0 | 1): number {
  let known = 0
  let wrong = 0
  for (let i = 0; i < truth.length; i++) {
    if (flags[i] !== flag || truth[i] === unknownTruth) continue
    known++
    if (truth[i] !== labels[i]) wrong++
  }
  return wrong / known
}
