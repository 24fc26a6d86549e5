/** Which part of a data set a file or folder holds, as its name tells. */
import type { Part } from './source.js'

/** How names tell parts. */
export interface PartWords {
  readonly train: RegExp
  /** Test data come before validation data where there are both. */
  readonly test: readonly RegExp[]
}

/** For tables and folders, whose names begin with the part. */
export const atBeginning: PartWords = {
  train: /^(ILSVRC2012_img_)?train(ing)?(?![a-z])/i,
  test: [/^test(ing)?(?![a-z])/i, /^(ILSVRC2012_img_)?val(id(ation)?)?(?![a-z])/i],
}

/** For arrays, which are called `x_train`, `test-images` and the like. */
export const anywhere: PartWords = {
  train: /(^|[-_.])train(ing)?(?![a-z])/i,
  test: [/(^|[-_.])(t10k|test(ing)?)(?![a-z])/i, /(^|[-_.])val(id(ation)?)?(?![a-z])/i],
}

/** The names of training data. */
export const trainNames = (names: readonly string[], { train } = atBeginning): string[] =>
  names.filter(name => train.test(name))

/** The names of test data, and those of validation data, leaving out what there is none of. */
export const testNames = (names: readonly string[], { test } = atBeginning): string[][] =>
  test.map(pattern => names.filter(name => pattern.test(name))).filter(({ length }) => length > 0)

/**
 * Those of some names that hold a part. Names that tell no part are of either, so that a folder may hold a single
 * part under any names.
 */
export function namesOfPart(names: readonly string[], part: Part, words = atBeginning): string[] {
  const train = trainNames(names, words)
  const [test = names.filter(name => !train.includes(name))] = testNames(names, words)
  if (part === 'test') return test
  if (train.length > 0) return train
  const heldOut = testNames(names, words).flat()
  return heldOut.length === names.length ? [...names] : names.filter(name => !heldOut.includes(name))
}
