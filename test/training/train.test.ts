import { beforeAll, describe, expect, it } from 'vitest'
import { filterGroups } from '../../src/compression/filter.js'
import { compress } from '../../src/compression/methods.js'
import type { TrainingState } from '../../src/engine/engine.js'
import { createOnnxRuntimeEngine } from '../../src/engine/onnxruntime/index.js'
import { createPredictor } from '../../src/engine/onnxruntime/predictor.js'
import { RunError } from '../../src/errors.js'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import { initialMomenta, initialWeights } from '../../src/model/initialize.js'
import { prunableKernels } from '../../src/model/weights.js'
import { exportOnnx } from '../../src/onnx/export.js'
import { decodeModel } from '../../src/onnx/model.js'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { randomStream } from '../../src/random.js'
import { planTraining } from '../../src/training/plan.js'
import { decodeState, encodeState } from '../../src/training/state-file.js'
import { type Training, TrainingStopped, train } from '../../src/training/train.js'

const side = 8
const examples = 96
const classes = 3

/** A bright row whose place tells the class, in noise. */
function pictures() {
  const random = randomStream('pictures')
  const labels = Int32Array.from({ length: examples }, (_, i) => i % classes)
  const inputs = Uint8Array.from({ length: examples * side * side }, (_, at) => {
    const label = labels[Math.floor(at / (side * side))]!
    const row = Math.floor((at % (side * side)) / side)
    return random.uniform() * 60 + (row === 2 * label + 1 ? 150 : 0)
  })
  return { inputs, examples, labels }
}

const data = pictures()
const engine = createOnnxRuntimeEngine()
const architecture = buildArchitecture(
  'cnn-fast',
  { mean: Float32Array.of(0.2), deviation: Float32Array.of(0.2) },
  {
    input: { kind: 'image', height: side + 2, width: side + 2, channels: 1 },
    classes,
    width: 0.06,
    dropout: 0,
  },
)
const network = buildArchitecture(
  'cnn-small',
  { mean: Float32Array.of(0.2), deviation: Float32Array.of(0.2) },
  { input: { kind: 'image', height: side, width: side, channels: 1 }, classes, width: 0.25, dropout: 0.2 },
)

function training(changes: Partial<Training> = {}, model: object = {}): Training {
  const pipeline = pipelineSchema.parse({
    name: 'test',
    dataset: { path: 'data' },
    model: { batchSize: 16, epochs: 10, ...model },
  })
  const rows = Int32Array.from({ length: examples }, (_, row) => row)
  const plan = planTraining({ ...pipeline.model, architecture: 'cnn-small' }, examples)
  return { architecture: network, data, rows, plan, seed: ['test'], ...changes }
}

const start = (): TrainingState => ({
  weights: initialWeights(network, ['test']),
  momenta: initialMomenta(network),
})

const bytes = (state: TrainingState) => Buffer.from(encodeState(state)).toString('base64')

describe('train', () => {
  let whole: TrainingState
  beforeAll(async () => {
    const { plan } = training()
    whole = await train(engine, training(), start(), 0, plan.steps)
  })

  it('learns: the trained network tells the classes apart, as an ONNX file does', async () => {
    const predictor = await createPredictor(exportOnnx(network, whole.weights), { threads: 1 })
    const logits = await predictor.predict(data.inputs)
    await predictor.dispose()
    const right = Array.from({ length: examples }, (_, i) => {
      const row = logits.subarray(i * classes, (i + 1) * classes)
      return row.indexOf(Math.max(...row)) === data.labels[i]
    }).filter(Boolean)
    expect(right.length / examples).toBeGreaterThan(0.95)
  })

  it('gives the same bytes in one go, again, and cut in two with the state on disk in between', async () => {
    const { plan } = training()
    const again = await train(engine, training(), start(), 0, plan.steps)
    expect(bytes(again)).toBe(bytes(whole))
    const half = await train(engine, training(), start(), 0, 30)
    const onDisk = decodeState(Buffer.from(encodeState(half)))
    expect(bytes(await train(engine, training(), onDisk, 30, plan.steps))).toBe(bytes(whole))
  })

  it('looks ahead, and does so alike when cut in two', async () => {
    const looking = training({}, { lookahead: true })
    const { plan } = looking
    expect(plan.trainer.lookahead).toBe(true)
    const inOneGo = await train(engine, looking, start(), 0, plan.steps)
    expect(bytes(inOneGo)).not.toBe(bytes(whole))
    const half = await train(engine, looking, start(), 0, 30)
    expect(bytes(await train(engine, looking, half, 30, plan.steps))).toBe(bytes(inOneGo))
  })

  it.each(['layer', 'global'] as const)('prunes to the sparsity asked for, by %s', async scope => {
    const kernels = prunableKernels(network)
    const pruning = { kernels, sparsity: 0.7, scope, begin: 20, end: 40, frequency: 7 }
    const { plan } = training()
    const { weights } = await train(engine, training({ pruning }), start(), 0, plan.steps)
    const pruned = weights.filter(({ name }) => kernels.includes(name))
    const zeros = (values: readonly { data: Float32Array }[]) =>
      values.reduce((sum, { data: kernel }) => sum + kernel.filter(value => value === 0).length, 0)
    const size = (values: readonly { data: Float32Array }[]) =>
      values.reduce((sum, { data: kernel }) => sum + kernel.length, 0)
    const groups = scope === 'global' ? [pruned] : pruned.map(kernel => [kernel])
    for (const group of groups) expect(zeros(group)).toBe(Math.round(0.7 * size(group)))
  })

  it.each(['cumulative', 'independent'] as const)('prunes at random to the sparsity, %s', async draw => {
    const kernels = prunableKernels(network)
    const pruning = {
      kernels,
      sparsity: 0.7,
      scope: 'layer' as const,
      criterion: { kind: 'random' as const, draw },
      begin: 20,
      end: 40,
      frequency: 10,
    }
    const { plan } = training()
    const at = async (steps: number) => {
      const { weights } = await train(engine, training({ pruning }), start(), 0, steps)
      return weights.filter(({ name }) => kernels.includes(name)).map(({ data: kernel }) => kernel)
    }
    const [early, late] = [await at(30), await at(plan.steps)]
    for (const kernel of late) {
      expect(kernel.filter(value => value === 0).length).toBe(Math.round(0.7 * kernel.length))
    }
    const cameBack = early.some((kernel, k) => kernel.some((value, i) => value === 0 && late[k]![i] !== 0))
    expect(cameBack).toBe(draw === 'independent')
  })

  it('blanks filters so that removing them changes nothing', async () => {
    const kernels = prunableKernels(network)
    const dense = exportOnnx(network, start().weights)
    const groups = filterGroups(decodeModel(dense).graph, kernels)
    const pruning = {
      kernels,
      sparsity: 0.5,
      scope: 'layer' as const,
      criterion: { kind: 'filter' as const, norm: 'l1' as const, groups },
      begin: 20,
      end: 40,
      frequency: 10,
    }
    const { plan } = training()
    const { weights } = await train(engine, training({ pruning }), start(), 0, plan.steps)
    const blanked = exportOnnx(network, weights)
    const { bytes: small } = await compress(blanked, 'filter', { sparsity: 0.5, norm: 'l1' })
    expect(small.length).toBeLessThan(0.5 * blanked.length)
    const logits = async (model: Uint8Array) => {
      const predictor = await createPredictor(model, { threads: 1 })
      const values = await predictor.predict(data.inputs)
      await predictor.dispose()
      return values
    }
    const [whole, removed] = [await logits(blanked), await logits(small)]
    for (const [i, value] of removed.entries()) expect(Math.abs(value - whole[i]!)).toBeLessThan(1e-4)
    const right = data.labels.filter((label, i) => {
      const row = removed.subarray(i * classes, (i + 1) * classes)
      return row.indexOf(Math.max(...row)) === label
    })
    expect(right.length / examples).toBeGreaterThan(0.9)
  })

  it('stops when asked to', async () => {
    const options = { stopped: () => true }
    await expect(train(engine, training(), start(), 0, 20, options)).rejects.toThrow(TrainingStopped)
  })

  it('says that it diverged, and what to do', async () => {
    const wild = training({}, { learningRate: 1e6, schedule: 'constant', warmupEpochs: 0 })
    const failure = train(engine, wild, start(), 0, wild.plan.steps)
    await expect(failure).rejects.toThrow(RunError)
    await expect(failure).rejects.toMatchObject({ key: 'model.learningRate' })
  })
})

it('exports batch normalisation so that the file says what training saw', async () => {
  // With no learning and no memory, the running statistics are those of the batch, which is the whole set.
  const padded = {
    ...data,
    inputs: new Uint8Array(examples * (side + 2) ** 2).map((_, at) => (at * 7919) % 251),
  }
  const frozen = {
    ...architecture,
    layers: architecture.layers.map(layer =>
      layer.kind === 'batchNorm' ? { ...layer, momentum: 0 } : layer,
    ),
  }
  const initial = {
    weights: initialWeights(frozen, ['test'], { pixels: padded.inputs, examples }),
    momenta: initialMomenta(frozen),
  }
  const options = {
    batchSize: examples,
    labelSmoothing: 0,
    optimizer: { momentum: 0, nesterov: false, weightDecay: 0 },
    maxShift: 0,
    flips: false,
    maskedWeights: [],
  }
  const trainer = await engine.createTrainer(frozen, padded, options, initial)
  const [loss] = await trainer.run({
    steps: 1,
    examples: Int32Array.from({ length: examples }, (_, i) => i),
    learningRates: new Float32Array(1),
    dropoutSeed: 0,
  })
  const predictor = await createPredictor(exportOnnx(frozen, (await trainer.state()).weights), { threads: 1 })
  const logits = await predictor.predict(padded.inputs)
  await Promise.all([trainer.dispose(), predictor.dispose()])
  const crossEntropy = Array.from({ length: examples }, (_, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes)
    return Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[data.labels[i]!]!
  })
  const mean = crossEntropy.reduce((sum, value) => sum + value, 0) / examples
  expect(mean).toBeCloseTo(loss!, 4)
})
