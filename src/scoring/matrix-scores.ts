/** A single matrix of predictions: of one model, or a mean of several. */

/** What a matrix of predictions holds: softmax probabilities, or the logits behind them. */
export type PredictionForm = 'probabilities' | 'logits'

/** Makes logits, [rows, classes], the probabilities of each row up to a factor, in place: eᶻ ÷ the row's highest. */
export function exponentiate(logits: Float32Array | Float64Array, classes: number): void {
  for (let begin = 0; begin < logits.length; begin += classes) {
    const end = begin + classes
    let highest = logits[begin]
    for (let at = begin + 1; at < end; at++) if (logits[at] > highest) highest = logits[at]
    for (let at = begin; at < end; at++) logits[at] = Math.exp(logits[at] - highest)
  }
}
