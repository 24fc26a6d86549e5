/**
 * What compression does to the size of a member's file and to the time it takes to predict with it.
 *
 *     npx tsx bench/compression.ts [--models cnn-small,cnn-fast,wrn-16-4] [--side 32] [--rounds 7]
 *
 * Networks with the weights they begin with: neither size nor time depends on what a network has learnt. All levels
 * of a network take turns in every round, one thread, batches of 32 (int8-dynamic takes one example at a time, as in
 * a run). Time is that of the processor, and the best of the rounds counts, since whatever else runs on a machine only
 * ever takes time away.
 */
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { compress, type MethodName, type MethodOptions } from '../src/compression/methods.js'
import { sampleActivations } from '../src/engine/onnxruntime/calibration.js'
import { createPredictor } from '../src/engine/onnxruntime/predictor.js'
import { buildArchitecture } from '../src/model/architectures/index.js'
import { initialWeights } from '../src/model/initialize.js'
import { exportOnnx } from '../src/onnx/export.js'
import { randomStream } from '../src/random.js'

const { values: flags } = parseArgs({
  options: {
    models: { type: 'string', default: 'cnn-small,cnn-fast,wrn-16-4' },
    side: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '7' },
  },
})
const side = Number(flags.side)
const rounds = Number(flags.rounds)
const classes = 10
const examples = 64

type Step = { [Name in MethodName]: readonly [Name, MethodOptions<Name>] }[MethodName]

const filters = (sparsity: number): Step => ['filter', { sparsity, norm: 'l1' }]
const levels: Readonly<Record<string, readonly Step[]>> = {
  dense: [],
  'magnitude-0.9': [['magnitude', { sparsity: 0.9, scope: 'layer' }]],
  'filter-0.25': [filters(0.25)],
  'filter-0.5': [filters(0.5)],
  'filter-0.75': [filters(0.75)],
  'filter-0.9': [filters(0.9)],
  float16: [['float16', {}]],
  'int8-dynamic': [['int8-dynamic', {}]],
  'int8-static': [['int8-static', {}]],
  int4: [['int4', { block: 64 }]],
  'filter-0.5+int8-static': [filters(0.5), ['int8-static', {}]],
  'filter-0.5+int4': [filters(0.5), ['int4', { block: 64 }]],
}

const random = randomStream('compression benchmark')
const pixels = Uint8Array.from({ length: examples * side * side * 3 }, () => random.integer(256))

function denseModel(name: string): Uint8Array {
  const normalization = { mean: new Float32Array(3).fill(0.5), deviation: new Float32Array(3).fill(0.25) }
  const input = { kind: 'image', height: side, width: side, channels: 3 } as const
  const architecture = buildArchitecture(name, normalization, { input, classes, width: 1, dropout: 0 })
  return exportOnnx(architecture, initialWeights(architecture, ['benchmark'], { pixels, examples }))
}

for (const name of flags.models.split(',')) {
  const dense = denseModel(name)
  const members = await Promise.all(
    Object.entries(levels).map(async ([level, steps]) => {
      let bytes = dense
      for (const [method, options] of steps) {
        bytes = (await compress(bytes, method, options, sampleActivations(pixels))).bytes
      }
      return { level, bytes, predictor: await createPredictor(bytes, { threads: 1 }), best: Infinity }
    }),
  )
  for (let round = 0; round < rounds; round++) {
    for (const member of members) {
      const start = process.cpuUsage()
      await member.predictor.predict(pixels)
      const { user, system } = process.cpuUsage(start)
      member.best = Math.min(member.best, (user + system) / 1000 / examples)
    }
  }
  const [{ best: denseTime }] = members as [(typeof members)[number]]
  const table = new Table({
    head: ['level', 'bytes', 'of dense', 'ms an example', 'of dense'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  })
  for (const { level, bytes, best } of members) {
    const share = (value: number) => `${(100 * value).toFixed(1)} %`
    table.push([
      level,
      bytes.length.toLocaleString('en'),
      share(bytes.length / dense.length),
      best.toFixed(3),
      share(best / denseTime),
    ])
  }
  console.log(`\n${name}, ${side} × ${side} × 3, one thread\n${table.toString()}`)
  await Promise.all(members.map(({ predictor }) => predictor.dispose()))
}
