/**
 * The noise among examples whose class is beyond doubt.
 *
 * Networks learn the noise with the classes: where two in five of one class are called another, a network is two fifths
 * sure of that other class, and its probabilities alone explain every label. What gives the noise away is the examples
 * it is surest of: the surest of those taken for a class are of that class, and what they are called is the class's row
 * of the noise matrix (anchor points: Liu and Tao 2016, arXiv 1411.7718; Patrini et al. 2017, arXiv 1609.03683; counted
 * as in the confident joint of Northcutt et al., arXiv 1911.00068, with a share of each class in place of a threshold).
 */

/** Share of the examples taken for a class that are its anchors. */
export const anchorShare = 0.3

/** Anchors that the share of wrong labels of all classes is worth to each of them. */
const rowPrior = 30
/** Wrong anchors that an even spread over the other classes is worth to each; the likeliest of these is taken. */
const spreadPriors = [3, 10, 30, 100, 300, 1000]
/** Beta prior of the share of wrong labels: 1 in 20. */
const wrongPrior = { wrong: 1, all: 20 }

/**
 * Counts the anchors by class (row) and given label (column), [classes, classes].
 * @param confidence of each example in the class it is taken for
 * @param predicted that class
 */
export function anchorCounts(
  confidence: Float32Array,
  predicted: Int32Array,
  labels: Int32Array,
  classes: number,
): Float64Array {
  const ends = new Int32Array(classes)
  for (const c of predicted) ends[c]++
  for (let c = 1; c < classes; c++) ends[c] += ends[c - 1]
  const byClass = new Float32Array(predicted.length)
  const places = ends.slice()
  for (let i = 0; i < predicted.length; i++) byClass[--places[predicted[i]]] = confidence[i]
  const thresholds = Float32Array.from(ends, (end, c) => {
    const surest = byClass.subarray(places[c], end).sort()
    return surest[Math.floor((1 - anchorShare) * surest.length)]
  })
  const counts = new Float64Array(classes * classes)
  for (let i = 0; i < predicted.length; i++) {
    const c = predicted[i]
    if (confidence[i] >= thresholds[c]) counts[c * classes + labels[i]]++
  }
  return counts
}

/**
 * The noise matrix: probability of each given label (column) for each class (row), [classes, classes].
 *
 * How often a class is mislabeled leans on the mean of all classes, and what it is called then on all other classes
 * alike: by an empirical Dirichlet prior, which is strong where noise is symmetric and weak where it goes by classes.
 */
export function anchoredTransition(anchors: Float64Array, classes: number): Float64Array {
  let [all, right] = [0, 0]
  for (const [at, count] of anchors.entries()) {
    all += count
    if (at % (classes + 1) === 0) right += count
  }
  const wrong = (all - right + wrongPrior.wrong) / (all + wrongPrior.all)
  const spread = spreadPriors.reduce((best, prior) =>
    spreadLikelihood(anchors, classes, prior) > spreadLikelihood(anchors, classes, best) ? prior : best,
  )
  const transition = new Float64Array(classes * classes)
  for (let t = 0; t < classes; t++) {
    const row = t * classes
    let count = 0
    for (let y = 0; y < classes; y++) count += anchors[row + y]
    const errors = count - anchors[row + t]
    const share = (errors + rowPrior * wrong) / (count + rowPrior)
    for (let y = 0; y < classes; y++) {
      transition[row + y] =
        y === t ? 1 - share : (share * (anchors[row + y] + spread / (classes - 1))) / (errors + spread)
    }
  }
  return transition
}

/** Logarithm of the Dirichlet-multinomial likelihood of what the anchors' wrong labels are. */
function spreadLikelihood(anchors: Float64Array, classes: number, prior: number): number {
  const each = prior / (classes - 1)
  let likelihood = 0
  for (let t = 0; t < classes; t++) {
    let errors = 0
    for (let y = 0; y < classes; y++) {
      if (y === t) continue
      for (let n = 0; n < anchors[t * classes + y]; n++) {
        likelihood += Math.log((each + n) / (prior + errors))
        errors++
      }
    }
  }
  return likelihood
}

/**
 * Wrong labels among `labels`, if those of each given class are as often wrong as its anchors are. Classes whose label
 * no anchor has count as right.
 */
export function anchoredCount(anchors: Float64Array, labels: Int32Array, classes: number): number {
  const given = new Float64Array(classes)
  for (const label of labels) given[label]++
  let wrong = 0
  for (let y = 0; y < classes; y++) {
    let sum = 0
    for (let t = 0; t < classes; t++) sum += anchors[t * classes + y]
    if (sum > 0) wrong += given[y] * (1 - anchors[y * classes + y] / sum)
  }
  return wrong
}
