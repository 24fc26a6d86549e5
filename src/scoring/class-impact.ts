import { benjaminiHochberg } from './benjamini-hochberg.js'
import { mean, sampleDeviation } from './moments.js'
import { welchTest } from './welch-test.js'

/** How a level's members do on each class. */
export interface ClassRecalls {
  /** Recall of each member, of each class; members that met no example of it are left out. */
  readonly recalls: readonly Float64Array[]
  /** Accuracy on all classes, mean over the level's members. */
  readonly accuracy: number
}

export interface ClassImpact {
  readonly denseRecallMean: number
  readonly denseRecallSd: number
  readonly recallMean: number
  readonly recallSd: number
  /** (recall − accuracy) of the level − (recall − accuracy) of dense: below 0 the class pays more than the average. */
  readonly relativeChange: number
  readonly t: number
  readonly df: number
  readonly p: number
  readonly q: number
  readonly significant: boolean
  readonly direction: 'worse' | 'better' | 'none'
}

/**
 * What compression does to each class beyond what it does to accuracy as a whole: Welch's test between the members'
 * recalls, each less the mean accuracy of its level (Hooker et al., arXiv 1911.05248, section 3.1), corrected for
 * the number of classes. Figures that are undefined, such as the recall of a class without examples, are NaN.
 *
 * @param alpha false discovery rate at which a class counts as significant
 */
export function classImpact(dense: ClassRecalls, level: ClassRecalls, alpha: number): ClassImpact[] {
  const tests = level.recalls.map((recalls, c) =>
    welchTest(
      recalls.map(recall => recall - level.accuracy),
      dense.recalls[c].map(recall => recall - dense.accuracy),
    ),
  )
  const adjusted = benjaminiHochberg(Float64Array.from(tests, test => test.p))
  return tests.map((test, c) => {
    const denseRecallMean = mean(dense.recalls[c])
    const recallMean = mean(level.recalls[c])
    const relativeChange = recallMean - level.accuracy - (denseRecallMean - dense.accuracy)
    const q = adjusted[c]
    const significant = q <= alpha
    return {
      denseRecallMean,
      denseRecallSd: sampleDeviation(dense.recalls[c]),
      recallMean,
      recallSd: sampleDeviation(level.recalls[c]),
      relativeChange,
      ...test,
      q,
      significant,
      direction: significant ? (relativeChange < 0 ? 'worse' : 'better') : 'none',
    }
  })
}
