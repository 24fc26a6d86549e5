/** A single matrix of predictions: of one model, or a mean of several. */

/** What a matrix of predictions holds: softmax probabilities, or the logits behind them. */
export type PredictionForm = 'probabilities' | 'logits'

/**
 * Probabilities out of either form, [rows, classes], each row scaled to sum to 1.
 * @param values all finite; probabilities are ≥ 0 and each row has some
 */
export function asProbabilities(
  values: Float32Array | Float64Array,
  form: PredictionForm,
  classes: number,
): Float32Array {
  const probabilities = new Float32Array(values.length)
  for (let begin = 0; begin < values.length; begin += classes) {
    const end = begin + classes
    let highest = 0
    if (form === 'logits') {
      highest = values[begin]
      for (let at = begin + 1; at < end; at++) if (values[at] > highest) highest = values[at]
    }
    let sum = 0
    for (let at = begin; at < end; at++) {
      probabilities[at] = form === 'logits' ? Math.exp(values[at] - highest) : values[at]
      sum += probabilities[at]
    }
    for (let at = begin; at < end; at++) probabilities[at] /= sum
  }
  return probabilities
}
