/** Label noise of known kind and amount. */

/** The class that a careless annotator takes each class for. */
export const LOOK_ALIKES = { A: 'H', B: 'D', C: 'G', D: 'B', E: 'F', F: 'E', G: 'C', H: 'A', I: 'J', J: 'I' }

export const NOISE_RATE = 0.08

/**
 * Flips the labels of `NOISE_RATE` of the examples, choosing among those that show a letter; every second one to
 * its look-alike class, the others uniformly to any wrong class.
 *
 * @param {{ label: number, trueLabel: number | null }[]} examples
 * @param {string[]} classNames
 * @param random a stream of random.mjs
 * @returns {typeof examples} the examples in the same order, the flipped ones as copies
 */
export function flipLabels(examples, classNames, random) {
  const letters = examples.flatMap(({ trueLabel }, i) => (trueLabel === null ? [] : [i]))
  const flipped = new Map()
  const chosen = random.shuffle(letters).slice(0, Math.round(NOISE_RATE * examples.length))
  for (const [k, i] of chosen.entries()) {
    const { trueLabel } = examples[i]
    const label =
      k % 2 === 0
        ? classNames.indexOf(LOOK_ALIKES[classNames[trueLabel]])
        : (trueLabel + 1 + random.below(classNames.length - 1)) % classNames.length
    flipped.set(i, label)
  }
  return examples.map((example, i) => (flipped.has(i) ? { ...example, label: flipped.get(i) } : example))
}
