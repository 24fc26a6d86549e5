/**
 * First-order saliencies: by how much the loss would change if a weight were gone, g · w, as the gradient at the
 * weights tells (Molchanov et al. 2017, arXiv 1611.06440, section 2.2; 2019, arXiv 1906.10771, eq. 8). The losses are
 * those of several groups of examples that the member does not train on, and a weight's saliency is the root mean
 * square over the groups. With a group for each class its square is (mean change)² + variance of the change over the
 * classes: weights stay whose removal would move the loss, or move one class against another.
 */
import { corrupt } from '../corruptions/corruptions.js'
import { type CorruptionName, corruptionCategory, corruptionNames } from '../corruptions/names.js'
import type { LabelledExamples, Trainer, TrainingData } from '../engine/engine.js'
import { RunError } from '../errors.js'
import type { Architecture, Weight } from '../model/architecture.js'
import { permutation, randomStream, type Seed } from '../random.js'

export interface FirstOrder {
  /**
   * How the examples are grouped. `loss`: by chance, into as many groups as there are classes. `class-balance`: by
   * class. `corrupted`: by the category of a corruption of ImageNet-C that is done to them.
   */
  readonly preserve: 'loss' | 'class-balance' | 'corrupted'
  /** How many examples are held out of the member's training. */
  readonly examples: number
}

export interface HeldOut {
  /** Rows on which the member trains, ascending. */
  readonly rows: Int32Array
  /** Rows that gradients are taken on, in random order. */
  readonly heldOut: Int32Array
}

/**
 * Splits the member's rows. For `class-balance` every class holds out the same number, as far as it has them; else the
 * sample is drawn from all rows alike.
 *
 * @throws RunError if fewer than half of the rows would be left to train on
 */
export function holdOut(
  { preserve, examples }: FirstOrder,
  rows: Int32Array,
  labels: Int32Array,
  classes: number,
  seed: Seed,
): HeldOut {
  if (2 * examples > rows.length) {
    throw new RunError(`${examples} examples cannot be held out of ${rows.length}: at most half of them`, {
      key: 'compress.examples',
      mend: 'Lower `examples` of the level.',
    })
  }
  const order = permutation(rows.length, randomStream(...seed, 'held out')).map(position => rows[position]!)
  const room = new Int32Array(classes).fill(
    preserve === 'class-balance' ? Math.ceil(examples / classes) : examples,
  )
  const heldOut = order.filter(row => room[labels[row]!]!-- > 0).subarray(0, examples)
  const isHeldOut = new Set(heldOut)
  return { rows: rows.filter(row => !isHeldOut.has(row)), heldOut }
}

/** Severity of the corruptions, the middle one of five. */
const severity = 3

/**
 * The held-out examples in the groups whose losses are to be preserved; groups that would be empty are left out.
 *
 * @throws RunError if `corrupted` is asked for where inputs are no pictures
 */
export async function groupsOf(
  { preserve }: FirstOrder,
  heldOut: Int32Array,
  { inputs, labels, examples }: TrainingData,
  { input, classes }: Architecture,
): Promise<LabelledExamples[]> {
  const size = inputs.length / examples
  const of = (row: number) => inputs.subarray(row * size, (row + 1) * size)
  switch (preserve) {
    case 'loss':
      return grouped(heldOut, classes, (_, at) => at % classes, of, labels)
    case 'class-balance':
      return grouped(heldOut, classes, row => labels[row]!, of, labels)
    case 'corrupted': {
      if (input.kind !== 'image') {
        throw new RunError('only pictures can be corrupted', {
          key: 'compress.preserve',
          mend: 'Use `loss` or `class-balance`.',
        })
      }
      const names = corruptionNames.filter(name => corruptionCategory[name] !== 'extra')
      const categories = [...new Set(names.map(name => corruptionCategory[name]))]
      const drawn = (at: number): CorruptionName => names[at % names.length]!
      const pictures = new Map<number, Uint8Array>()
      for (const [at, row] of heldOut.entries()) {
        pictures.set(
          row,
          await corrupt(of(row) as Uint8Array, input, drawn(at), severity, 0, `training example ${row}`),
        )
      }
      const group = (_: number, at: number) => categories.indexOf(corruptionCategory[drawn(at)])
      return grouped(heldOut, categories.length, group, row => pictures.get(row)!, labels)
    }
  }
}

function grouped(
  heldOut: Int32Array,
  groups: number,
  groupOf: (row: number, at: number) => number,
  inputOf: (row: number) => Uint8Array | Float32Array,
  labels: Int32Array,
): LabelledExamples[] {
  const members = Array.from({ length: groups }, (): number[] => [])
  for (const [at, row] of heldOut.entries()) members[groupOf(row, at)]!.push(row)
  return members
    .filter(rows => rows.length > 0)
    .map(rows => {
      const first = inputOf(rows[0]!)
      const length = rows.length * first.length
      const inputs = first instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length)
      for (const [at, row] of rows.entries()) inputs.set(inputOf(row), at * first.length)
      return { inputs, labels: Int32Array.from(rows, row => labels[row]!) }
    })
}

/** The smallest saliency of a weight that is still there, so that what is gone never comes back for a dead one. */
const smallestSaliency = 2 ** -126

/**
 * The saliency of every kernel's weights, in the shape of the kernel; 0 where the mask has taken a weight away.
 *
 * @param trainer whose masked weights are the kernels
 * @param masks in force
 * @param gotFurther called after every group
 */
export async function saliencies(
  trainer: Trainer,
  groups: readonly LabelledExamples[],
  masks: ReadonlyMap<string, Float32Array>,
  gotFurther: () => void = () => {},
): Promise<Weight[]> {
  const { weights } = await trainer.state()
  const sums = new Map<string, Float64Array>()
  for (const group of groups) {
    const { kernels } = await trainer.gradients(group)
    gotFurther()
    for (const { name, data } of weights) {
      const gradient = kernels.get(name)
      if (gradient === undefined) continue
      const sum = sums.get(name) ?? new Float64Array(data.length)
      for (let i = 0; i < data.length; i++) sum[i]! += (gradient[i]! * data[i]!) ** 2
      sums.set(name, sum)
    }
  }
  return weights.flatMap(({ name, shape }) => {
    const sum = sums.get(name)
    if (sum === undefined) return []
    const mask = masks.get(name)
    const data = Float32Array.from(sum, (value, i) =>
      mask?.[i] === 0 ? 0 : Math.max(smallestSaliency, Math.sqrt(value / groups.length)),
    )
    return [{ name, shape, data }]
  })
}
