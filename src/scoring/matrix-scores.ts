/** Label quality and suggested labels out of one matrix of predictions: a single model, or a mean of several. */

/** What a matrix of predictions holds: softmax probabilities, or the logits behind them. */
export type PredictionForm = 'probabilities' | 'logits'

/** What is known about each example, [examples] each. */
export interface MatrixScores {
  /** How well the given label fits, 0 (surely wrong) to 1. */
  readonly quality: Float32Array
  /** The most likely class; the given label itself where no class is more likely, otherwise the lower index. */
  readonly suggested: Int32Array
  /** Its probability. */
  readonly probability: Float32Array
}

export function emptyScores(examples: number): MatrixScores {
  return {
    quality: new Float32Array(examples),
    suggested: new Int32Array(examples),
    probability: new Float32Array(examples),
  }
}

/**
 * Scores the examples from `first` on. Label quality is the logistic function of the logit margin,
 * log p(given) − log max p(other), which for probabilities is p(given) / (p(given) + max p(other)): what is left of
 * the question when it is put between the given label and its strongest rival alone. ½ is where both are equally
 * likely. It ranks as the logit margin does.
 *
 * @param values of these examples, [block, classes], all finite; probabilities are ≥ 0 and each row has some
 * @param labels given labels of all examples
 * @param classes ≥ 2
 */
export function scoreMatrix(
  values: Float32Array | Float64Array,
  form: PredictionForm,
  labels: Int32Array,
  classes: number,
  scores: MatrixScores,
  first: number,
): void {
  const { quality, suggested, probability } = scores
  const areLogits = form === 'logits'
  for (let begin = 0, i = first; begin < values.length; begin += classes, i++) {
    const given = begin + labels[i]
    const own = values[given]
    let rival = given === begin ? begin + 1 : begin
    let highest = values[rival]
    for (let at = rival + 1; at < begin + classes; at++) {
      const value = values[at]
      if (value > highest && at !== given) {
        highest = value
        rival = at
      }
    }
    const top = highest > own ? rival : given
    suggested[i] = top - begin
    let total = 0
    if (areLogits) {
      quality[i] = 1 / (1 + Math.exp(highest - own))
      const most = values[top]
      for (let at = begin; at < begin + classes; at++) total += Math.exp(values[at] - most)
      probability[i] = 1 / total
    } else {
      quality[i] = own / (own + highest)
      for (let at = begin; at < begin + classes; at++) total += values[at]
      probability[i] = values[top] / total
    }
  }
}
