/** The architectures by name. A new family is a file here and a line in `families`. */
import { ConfigError } from '../../errors.js'
import type { Architecture, Normalization } from '../architecture.js'
import { weightSpecs } from '../weights.js'
import { cnnFast } from './cnn-fast.js'
import { cnnSmall } from './cnn-small.js'
import type { Family, FamilyOptions, Recipe } from './family.js'
import { linear } from './linear.js'
import { mlp } from './mlp.js'
import { resnet } from './resnet.js'
import { wideResnet } from './wide-resnet.js'

export type { Recipe } from './family.js'

const families: readonly Family[] = [linear, mlp, cnnSmall, cnnFast, wideResnet, resnet]

function familyOf(name: string): { family: Family; match: RegExpMatchArray } {
  for (const family of families) {
    const match = name.match(family.pattern)
    if (match) return { family, match }
  }
  throw new ConfigError(`there is no architecture "${name}"`, {
    key: 'model.architecture',
    mend: `Use one of ${families.map(family => family.describe).join(', ')}.`,
  })
}

/** The settings with which networks of this name train best. */
export function recipeOf(name: string): Recipe {
  return familyOf(name).family.recipe
}

/**
 * The network of this name for these inputs and classes.
 * @throws ConfigError if there is none, or if it cannot take such an input.
 */
export function buildArchitecture(
  name: string,
  normalization: Normalization,
  options: FamilyOptions,
): Architecture {
  const { family, match } = familyOf(name)
  try {
    const layers = family.layers(options, match)
    const architecture = { name, input: options.input, normalization, classes: options.classes, layers }
    weightSpecs(architecture)
    return architecture
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new ConfigError(error.message, {
      key: 'model.architecture',
      mend: 'Choose an architecture that fits the data.',
      cause: error,
    })
  }
}
