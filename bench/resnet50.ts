/**
 * ResNet-50 at 224 × 224 from the first step to predictions of its quantized copies, on one core.
 *
 *     npx tsx bench/resnet50.ts [--batch 8] [--steps 10]
 *
 * Trains on generated pictures of four classes, exports, quantizes and predicts. Training runs in a process of its
 * own, so that peak memory is its own; so does PyTorch (one thread, contiguous and channels_last), whose steps are
 * the same: forward, backward, Nesterov momentum, label smoothing, batch normalisation in training mode. Of the
 * steps the best counts, since whatever else runs on a machine only ever takes time away.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { compress } from '../src/compression/methods.js'
import { sampleActivations } from '../src/engine/onnxruntime/calibration.js'
import { createOnnxRuntimeEngine } from '../src/engine/onnxruntime/index.js'
import { createPredictor } from '../src/engine/onnxruntime/predictor.js'
import { buildArchitecture } from '../src/model/architectures/index.js'
import { initialMomenta, initialWeights } from '../src/model/initialize.js'
import { exportOnnx } from '../src/onnx/export.js'
import { randomStream } from '../src/random.js'
import { type Cost, costOf, measureApart } from './apart.js'
import { PeerProcess, peersPython } from './peers/python.js'

const { values: flags } = parseArgs({
  options: {
    batch: { type: 'string', default: '8' },
    steps: { type: 'string', default: '10' },
    train: { type: 'string' },
  },
})
const batchSize = Number(flags.batch)
const steps = Number(flags.steps)
const side = 224
const classes = 4
const examples = 32
const pixels = 3 * side * side
/** Small enough for a network of this depth to begin with, without a warm-up. */
const learningRate = 1e-3

interface Training {
  readonly losses: readonly number[]
  /** Of each step. */
  readonly costs: readonly Cost[]
  /** Until the first step can begin: graph and session. */
  readonly start: Cost
}

/** Stripes, whose direction and colour are those of the class, under noise. */
function pictures(): { inputs: Uint8Array; labels: Int32Array } {
  const random = randomStream('resnet-50 benchmark')
  const inputs = new Uint8Array(examples * pixels)
  const labels = Int32Array.from({ length: examples }, (_, example) => example % classes)
  for (let example = 0; example < examples; example++) {
    const angle = (labels[example]! * Math.PI) / classes
    const phase = 2 * Math.PI * random.uniform()
    for (let pixel = 0; pixel < side * side; pixel++) {
      const along = (pixel % side) * Math.cos(angle) + Math.floor(pixel / side) * Math.sin(angle)
      const stripe = Math.sin(along / 4 + phase)
      for (let channel = 0; channel < 3; channel++) {
        const strength = channel === labels[example]! % 3 ? 60 : 30
        inputs[(example * side * side + pixel) * 3 + channel] = 128 + strength * stripe + 20 * random.normal()
      }
    }
  }
  return { inputs, labels }
}

function architecture() {
  const normalization = {
    mean: Float32Array.of(0.485, 0.456, 0.406),
    deviation: Float32Array.of(0.229, 0.224, 0.225),
  }
  const input = { kind: 'image', height: side, width: side, channels: 3 } as const
  return buildArchitecture('resnet-50', normalization, { input, classes, width: 1, dropout: 0 })
}

/** Trains in this process and leaves the network in `file`. */
async function train(file: string): Promise<Training> {
  const network = architecture()
  const options = {
    batchSize,
    labelSmoothing: 0.1,
    optimizer: { momentum: 0.9, nesterov: true, weightDecay: 1e-4 },
    maxShift: 0,
    flips: true,
    maskedWeights: [],
  }
  const initial = { weights: initialWeights(network, [0]), momenta: initialMomenta(network) }
  const engine = createOnnxRuntimeEngine()
  let trainer: Awaited<ReturnType<typeof engine.createTrainer>> | undefined
  const start = await costOf(async () => {
    trainer = await engine.createTrainer(network, { ...pictures(), examples }, options, initial)
  })
  const losses: number[] = []
  const costs: Cost[] = []
  for (let step = 0; step < steps; step++) {
    const rows = Int32Array.from({ length: batchSize }, (_, slot) => (step * batchSize + slot) % examples)
    costs.push(
      await costOf(async () => {
        const loss = await trainer!.run({
          steps: 1,
          examples: rows,
          learningRates: Float32Array.of(learningRate),
          flips: new Uint8Array(batchSize),
          dropoutSeed: 0,
        })
        losses.push(loss[0]!)
      }),
    )
  }
  await writeFile(file, exportOnnx(network, (await trainer!.state()).weights))
  await trainer!.dispose()
  return { losses, costs, start }
}

const least = (values: readonly number[]) => Math.min(...values)
const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2)

async function report(folder: string): Promise<void> {
  const file = join(folder, 'resnet-50.onnx')
  const args = ['--batch', flags.batch, '--steps', flags.steps, '--train', file]
  const { losses, costs, start } = await measureApart<Training>(import.meta.url, args)
  console.log(`\nloss of each step: ${losses.map(loss => loss.toFixed(3)).join(', ')}`)
  console.log(`graph and session: ${start.cpuSeconds.toFixed(1)} s of processor time`)

  const table = new Table({
    head: ['a step of ResNet-50', 'batch', 'CPU s', 's', 'peak memory, GB'],
    style: { head: [], border: [] },
  })
  table.push([
    'pieline',
    batchSize,
    least(costs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
    least(costs.map(({ seconds }) => seconds)).toFixed(2),
    gigabytes(Math.max(...costs.map(({ peakBytes }) => peakBytes))),
  ])
  const python = peersPython()
  for (const channelsLast of python ? [false, true] : []) {
    const peer = new PeerProcess(python!, './train_torch.py', 1)
    const { version } = await peer.read<{ version: string }>()
    const order = { model: 'resnet-50', batchSize, steps: 1, channelsLast, compile: false, threads: 1 }
    const answers: Cost[] = []
    for (let round = 0; round < 3; round++) answers.push(await peer.ask<Cost>(order))
    peer.close()
    table.push([
      `PyTorch ${version}, ${channelsLast ? 'channels_last' : 'contiguous'}`,
      batchSize,
      least(answers.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
      least(answers.map(({ seconds }) => seconds)).toFixed(2),
      gigabytes(answers.at(-1)!.peakBytes),
    ])
  }
  console.log(table.toString())

  const { inputs, labels } = pictures()
  const dense = await readFile(file)
  const levels = {
    dense,
    float16: (await compress(dense, 'float16', {})).bytes,
    'int8-static': (await compress(dense, 'int8-static', {}, sampleActivations(inputs))).bytes,
  }
  const predictions = new Table({
    head: ['level', 'MB', 'CPU ms an example', 'classes as dense', 'accuracy'],
    style: { head: [], border: [] },
  })
  let reference: Int32Array | undefined
  for (const [level, bytes] of Object.entries(levels)) {
    const predictor = await createPredictor(bytes, { threads: 1 })
    let logits: Float32Array = new Float32Array()
    const cost = await costOf(async () => {
      logits = await predictor.predict(inputs)
    })
    await predictor.dispose()
    const classesOf = Int32Array.from({ length: examples }, (_, example) => {
      const row = logits.subarray(example * classes, (example + 1) * classes)
      return row.indexOf(Math.max(...row))
    })
    reference ??= classesOf
    const share = (expected: Int32Array) =>
      `${((100 * classesOf.filter((value, at) => value === expected[at]).length) / examples).toFixed(0)} %`
    predictions.push([
      level,
      (bytes.length / 1e6).toFixed(1),
      ((1000 * cost.cpuSeconds) / examples).toFixed(0),
      share(reference),
      share(labels),
    ])
  }
  console.log(predictions.toString())
}

if (flags.train === undefined) {
  const folder = await mkdtemp(join(tmpdir(), 'pieline-resnet-'))
  try {
    await report(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
} else console.log(JSON.stringify(await train(flags.train)))
