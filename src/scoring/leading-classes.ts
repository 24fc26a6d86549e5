/**
 * What is kept of every example's class probabilities: that of its given label, those of the likeliest other classes
 * one by one, and what all further classes are together. Some dozen bytes an example, however many classes there are,
 * so that predictions are read once.
 */

/** Other classes than the given one that are kept one by one, at most. */
export const mostRivals = 6

export interface LeadingClasses {
  readonly classes: number
  /** Given labels, [examples]. */
  readonly labels: Int32Array
  /** Probability of the given label, [examples]; NaN where nothing is known. */
  readonly givenP: Float32Array
  /** Other classes kept of each example: {@link mostRivals}, or all of fewer. */
  readonly rivals: number
  /** These classes by falling probability, equal ones in their own order, [examples, rivals]. */
  readonly rival: Int32Array
  readonly rivalP: Float32Array
  /** Of all further classes the sum of the probabilities, [examples], … */
  readonly restP: Float32Array
  /** … and of their squares. */
  readonly restSquares: Float32Array
}

/**
 * Place for examples of whose classes nothing is known yet.
 * @param labels their given labels @param classes ≥ 2
 * @param memory of so many bytes, all zero; shared between threads, for one
 */
export function unknownClasses(
  labels: Int32Array,
  classes: number,
  memory: (bytes: number) => ArrayBufferLike = bytes => new ArrayBuffer(bytes),
): LeadingClasses {
  const rivals = Math.min(mostRivals, classes - 1)
  const floats = (width: number) => new Float32Array(memory(4 * labels.length * width))
  return {
    classes,
    labels,
    givenP: floats(1).fill(Number.NaN),
    rivals,
    rival: new Int32Array(memory(4 * labels.length * rivals)),
    rivalP: floats(rivals),
    restP: floats(1),
    restSquares: floats(1),
  }
}

/**
 * The likeliest other classes of the row at hand. In arrays of the module's own, which compiled code knows where to find:
 * handed around they are looked up anew for each value, which takes half as long again.
 */
const p = new Float64Array(mostRivals)
const lead = new Int32Array(mostRivals)

/**
 * Takes up the examples from `first` on.
 * @param values their class probabilities up to a factor of each row, [block, classes]; rows of NaN stay unknown
 */
export function takeProbabilities(
  leading: LeadingClasses,
  first: number,
  values: Float32Array | Float64Array,
): void {
  const { classes, labels, givenP, rivals, rival, rivalP, restP, restSquares } = leading
  for (let begin = 0, i = first; begin < values.length; begin += classes, i++) {
    const given = labels[i]
    let sum = 0
    let squares = 0
    let least = -1
    for (let k = 0; k < rivals; k++) p[k] = -1
    for (let t = 0; t < classes; t++) {
      const value = values[begin + t]
      sum += value
      squares += value * value
      if (value <= least || t === given) continue
      let place = rivals - 1
      for (; place > 0 && p[place - 1] < value; place--) {
        p[place] = p[place - 1]
        lead[place] = lead[place - 1]
      }
      p[place] = value
      lead[place] = t
      least = p[rivals - 1]
    }
    const scale = 1 / sum
    const own = values[begin + given]
    givenP[i] = own * scale
    let rest = sum - own
    let restOfSquares = squares - own * own
    for (let k = 0, at = i * rivals; k < rivals; k++, at++) {
      rest -= p[k]
      restOfSquares -= p[k] * p[k]
      rival[at] = lead[k]
      rivalP[at] = p[k] * scale
    }
    // What is left of nothing may be a rounding error below it.
    restP[i] = Math.max(0, rest) * scale
    restSquares[i] = Math.max(0, restOfSquares) * scale * scale
  }
}
