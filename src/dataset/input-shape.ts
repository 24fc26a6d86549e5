/** What size and how many channels the network sees, where the pipeline does not say. */
import { DataError } from '../errors.js'
import type { InputShape } from '../model/architecture.js'
import type { DatasetConfig } from '../pipeline/config.js'
import type { Survey } from './survey.js'

/** The largest side that is chosen without being asked for: what small networks on a CPU train on in minutes. */
const largestDefaultSide = 64

/**
 * Images keep the size that all of them share, if neither side is longer than 64 pixels. Otherwise they become
 * squares of the median of their shorter sides, 64 at most. They are grey if all are, else of three channels.
 * @param surveys of all parts
 * @returns the shape, and a line that says what was chosen and why, if there was a choice
 * @throws DataError if there are neither images nor features
 */
export function chooseInputShape(
  config: DatasetConfig,
  surveys: readonly Survey[],
): { input: InputShape; note?: string } {
  const [{ features }] = surveys
  if (features > 0) return { input: { kind: 'features', features } }
  const channels = config.channels ?? (surveys.every(survey => survey.allGrey) ? 1 : 3)
  const shape = (height: number, width: number): InputShape => ({ kind: 'image', height, width, channels })
  if (config.size !== undefined) return { input: shape(config.size, config.size) }

  const sizes = new Map<string, number>()
  for (const survey of surveys) {
    for (const [size, count] of survey.sizes) sizes.set(size, (sizes.get(size) ?? 0) + count)
  }
  const [first] = sizes.keys()
  if (first === undefined) {
    throw new DataError('the rows hold no features: there is nothing to learn from', { file: config.path })
  }
  const [height, width] = first.split('×').map(Number)
  if (sizes.size === 1 && Math.max(height, width) <= largestDefaultSide)
    return { input: shape(height, width) }

  const median = weightedMedian(
    [...sizes].map(([size, count]) => [Math.min(...size.split('×').map(Number)), count]),
  )
  const side = Math.min(median, largestDefaultSide)
  const have = sizes.size === 1 ? `the images are ${first}` : `the images have ${sizes.size} different sizes`
  return {
    input: shape(side, side),
    note: `${have}: they are resized to ${side}×${side} pixels; set \`dataset.size\` for another size`,
  }
}

/** The lower median of values that occur so and so often. */
function weightedMedian(values: readonly (readonly [value: number, count: number])[]): number {
  const sorted = [...values].sort(([a], [b]) => a - b)
  const half = sorted.reduce((sum, [, count]) => sum + count, 0) / 2
  let below = 0
  for (const [value, count] of sorted) {
    below += count
    if (below >= half) return value
  }
  return 1
}
