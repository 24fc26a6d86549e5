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
    let sum = 0
    if (form === 'probabilities') {
      for (let at = begin; at < end; at++) sum += values[at]
      for (let at = begin; at < end; at++) probabilities[at] = values[at] / sum
      continue
    }
    let highest = values[begin]
    for (let at = begin + 1; at < end; at++) if (values[at] > highest) highest = values[at]
    for (let at = begin; at < end; at++) {
      probabilities[at] = Math.exp(values[at] - highest)
      sum += probabilities[at]
    }
    for (let at = begin; at < end; at++) probabilities[at] /= sum
  }
  return probabilities
}
