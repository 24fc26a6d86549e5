/** Which part of a data set a file or folder holds, as its name tells. */
import type { Part } from './source.js'

const trainName = /^(ILSVRC2012_img_)?train(ing)?(?![a-z])/i
/** Test data come before validation data where there are both. */
const heldOutNames = [/^test(ing)?(?![a-z])/i, /^(ILSVRC2012_img_)?val(id(ation)?)?(?![a-z])/i]

/** The names of training data. */
export const trainNames = (names: readonly string[]): string[] => names.filter(name => trainName.test(name))

/** The names of test data, and those of validation data, leaving out what there is none of. */
export const testNames = (names: readonly string[]): string[][] =>
  heldOutNames.map(pattern => names.filter(name => pattern.test(name))).filter(({ length }) => length > 0)

/**
 * Those of some names that hold a part. Names that tell no part are of either, so that a folder may hold a single
 * part under any names.
 */
export function namesOfPart(names: readonly string[], part: Part): string[] {
  const train = trainNames(names)
  const [test = names.filter(name => !train.includes(name))] = testNames(names)
  if (part === 'test') return test
  if (train.length > 0) return train
  const heldOut = testNames(names).flat()
  return heldOut.length === names.length ? [...names] : names.filter(name => !heldOut.includes(name))
}
