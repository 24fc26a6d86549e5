/** What every engine refuses before it trains: arrays that do not fit the architecture, the data or each other. */
import { RunError } from '../errors.js'
import type { Architecture, Weight, WeightSpec } from '../model/architecture.js'
import { elements, inputShapeOf } from '../model/shapes.js'
import { weightSpecs } from '../model/weights.js'
import type { LabelledExamples, StepInputs, TrainerOptions, TrainingData, TrainingState } from './engine.js'

/** @throws RunError naming the array, its size and the size it should have. */
export function validateTraining(
  architecture: Architecture,
  data: TrainingData,
  options: TrainerOptions,
  initial: TrainingState,
): void {
  expectExamples(architecture, data, data.examples)
  if (data.exampleWeights) {
    expectLength('exampleWeights', data.exampleWeights, data.examples)
    expectRange('exampleWeights', data.exampleWeights, 0, Number.MAX_VALUE)
  }
  if ((data.softTargets === undefined) !== (options.distillation === undefined)) {
    throw new RunError('softTargets and distillation need each other')
  }
  if (data.softTargets) {
    expectLength('softTargets', data.softTargets, data.examples * architecture.classes)
    expectRange('softTargets', data.softTargets, 0, 1)
  }

  const specs = weightSpecs(architecture)
  expectWeights('weights', initial.weights, specs)
  // A fresh start has no momenta; what it has must fit.
  const started = new Set(initial.momenta.map(({ name }) => name))
  expectWeights(
    'momenta',
    initial.momenta,
    specs.filter(({ name, trainable }) => trainable && started.has(name)),
  )
  for (const name of options.maskedWeights) {
    const spec = specs.find(candidate => candidate.name === name)
    if (spec?.role !== 'kernel' || !spec.trainable)
      throw new RunError(`"${name}" is no kernel that can be masked`)
  }
}

/** @throws RunError naming the array, its size and the size it should have. */
export function validateSteps(data: TrainingData, options: TrainerOptions, inputs: StepInputs): void {
  const slots = inputs.steps * options.batchSize
  expectLength('examples', inputs.examples, slots)
  expectRange('examples', inputs.examples, 0, data.examples - 1)
  expectLength('learningRates', inputs.learningRates, inputs.steps)
  if (inputs.shifts) {
    expectLength('shifts', inputs.shifts, 2 * slots)
    expectRange('shifts', inputs.shifts, -options.maxShift, options.maxShift)
  }
  if (inputs.flips) {
    expectLength('flips', inputs.flips, slots)
    expectRange('flips', inputs.flips, 0, options.flips ? 1 : 0)
  }
}

/** @throws RunError naming the mask, its size and the size it should have. */
export function validateMasks(
  architecture: Architecture,
  options: TrainerOptions,
  masks: ReadonlyMap<string, Float32Array>,
): void {
  const specs = new Map(weightSpecs(architecture).map(spec => [spec.name, spec]))
  for (const [name, mask] of masks) {
    if (!options.maskedWeights.includes(name)) throw new RunError(`"${name}" was not announced as masked`)
    expectLength(`mask of "${name}"`, mask, elements(specs.get(name)!.shape))
    const other = mask.find(value => value !== 0 && value !== 1)
    if (other !== undefined) throw new RunError(`mask of "${name}" holds ${other}, which is neither 0 nor 1`)
  }
}

/** @throws RunError naming the array, its size and the size it should have. */
export function validateExamples(
  architecture: Architecture,
  options: TrainerOptions,
  examples: LabelledExamples,
): void {
  if (options.maskedWeights.length === 0) throw new RunError('no kernel was announced as masked')
  if (examples.labels.length === 0) throw new RunError('there is no example to take gradients of')
  expectExamples(architecture, examples, examples.labels.length)
}

function expectExamples(
  { input, classes }: Architecture,
  { inputs, labels }: LabelledExamples,
  examples: number,
): void {
  const Expected = input.kind === 'image' ? Uint8Array : Float32Array
  if (!(inputs instanceof Expected)) {
    throw new RunError(`inputs of kind "${input.kind}" must be a ${Expected.name}`)
  }
  expectLength('inputs', inputs, examples * elements(inputShapeOf(input)))
  expectLength('labels', labels, examples)
  expectRange('labels', labels, 0, classes - 1)
}

type Numbers = Uint8Array | Int32Array | Float32Array

function expectLength(name: string, values: Numbers, length: number): void {
  if (values.length === length) return
  throw new RunError(`${name} has ${values.length} values where ${length} are needed`)
}

function expectRange(name: string, values: Numbers, low: number, high: number): void {
  for (let index = 0; index < values.length; index++) {
    const value = values[index]
    // Written so that NaN fails too.
    if (value >= low && value <= high) continue
    throw new RunError(`${name}[${index}] is ${value}, outside ${low} to ${high}`)
  }
}

function expectWeights(list: string, weights: readonly Weight[], specs: readonly WeightSpec[]): void {
  const byName = new Map(weights.map(weight => [weight.name, weight]))
  for (const { name, shape } of specs) {
    const weight = byName.get(name)
    if (!weight) throw new RunError(`initial ${list} lack "${name}"`)
    if (weight.shape.join() !== shape.join()) {
      throw new RunError(`initial ${list}: "${name}" is [${weight.shape}] where [${shape}] is needed`)
    }
    expectLength(`initial ${list}: "${name}"`, weight.data, elements(shape))
  }
  const known = new Set(specs.map(({ name }) => name))
  const stray = weights.find(({ name }) => !known.has(name))
  if (stray) throw new RunError(`initial ${list} hold "${stray.name}", which is none of this network's`)
  if (weights.length > specs.length) throw new RunError(`initial ${list} hold a name twice`)
}
