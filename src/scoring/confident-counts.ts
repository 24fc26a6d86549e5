/** How many examples are given a class wrongly, and how many lack it, where every class is a question of its own. */

export interface ClassErrors {
  /** Estimated examples of the class that are not given it. */
  readonly missing: number
  /** Estimated examples that are given the class and are not of it. */
  readonly superfluous: number
}

/**
 * Confident learning (Northcutt, Jiang and Chuang 2021, arXiv 1911.00068, equations 1 to 3) for two classes. An example is
 * confidently of a class (or not) where its probability reaches the mean of the examples that are given it (or not); what
 * they are given then tells how often labels err.
 * @param probabilities of the class, 0 to 1, [examples]
 * @param given 1 where the example is given the class, [examples]
 */
export function confidentCounts(probabilities: ArrayLike<number>, given: ArrayLike<number>): ClassErrors {
  const sums = [0, 0]
  const counts = [0, 0]
  const pOf = (i: number, side: number) => (side === 1 ? probabilities[i] : 1 - probabilities[i])
  for (let i = 0; i < given.length; i++) {
    sums[given[i]] += pOf(i, given[i])
    counts[given[i]]++
  }
  // A side without examples has no threshold, and nothing is confidently of it.
  const thresholds = sums.map((sum, side) =>
    counts[side] === 0 ? Number.POSITIVE_INFINITY : sum / counts[side],
  )
  const joint = [
    [0, 0],
    [0, 0],
  ]
  for (let i = 0; i < given.length; i++) {
    const reaches = (side: number) => pOf(i, side) >= thresholds[side]
    const likely = reaches(0) && reaches(1) ? (pOf(i, 1) > 0.5 ? 1 : 0) : reaches(1) ? 1 : reaches(0) ? 0 : -1
    if (likely >= 0) joint[given[i]][likely]++
  }
  const share = (side: number): number => {
    const confident = joint[side][0] + joint[side][1]
    return confident === 0 ? 0 : joint[side][1 - side] / confident
  }
  return { missing: share(0) * counts[0], superfluous: share(1) * counts[1] }
}
