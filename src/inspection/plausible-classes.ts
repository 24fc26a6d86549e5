export interface PlausibleClasses {
  /** Class of the highest probability, and of the second, [examples]. */
  readonly first: Int32Array
  readonly second: Int32Array
  /** Their probabilities, [examples]. */
  readonly firstProbability: Float32Array
  readonly secondProbability: Float32Array
}

/** The two most probable classes; of equally probable ones the lower. @param probabilities [examples, classes], classes ≥ 2 */
export function plausibleClasses(probabilities: Float32Array, classes: number): PlausibleClasses {
  const examples = probabilities.length / classes
  const first = new Int32Array(examples)
  const second = new Int32Array(examples)
  const firstProbability = new Float32Array(examples)
  const secondProbability = new Float32Array(examples)
  for (let row = 0; row < examples; row++) {
    const own = probabilities.subarray(row * classes, (row + 1) * classes)
    let [best, next] = own[1] > own[0] ? [1, 0] : [0, 1]
    for (let label = 2; label < classes; label++) {
      if (own[label] > own[best]) [best, next] = [label, best]
      else if (own[label] > own[next]) next = label
    }
    first[row] = best
    second[row] = next
    firstProbability[row] = own[best]
    secondProbability[row] = own[next]
  }
  return { first, second, firstProbability, secondProbability }
}

/** How near the second class must come, and how little both may leave to others. */
const nearlyAsLikely = 0.75
const leftToOthers = 0.2

/** Whether two classes are plausible, and no third: flags, [examples]. */
export function ambiguous({ firstProbability, secondProbability }: PlausibleClasses): Uint8Array {
  return Uint8Array.from(firstProbability, (p, row) => {
    const q = secondProbability[row]
    return q >= nearlyAsLikely * p && p + q >= 1 - leftToOthers ? 1 : 0
  })
}
