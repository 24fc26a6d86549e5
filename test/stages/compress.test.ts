/** Every compression method and their combinations in a real run. */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { countWeights } from '../../src/compression/kernels.js'
import { decodeModel, elementType, tensorArray } from '../../src/onnx/model.js'
import type { PipelineInput } from '../../src/pipeline/config.js'
import type { Run } from '../../src/pipeline/runs.js'
import { runSmall } from '../whole-run/pipeline.js'

const inTraining = { start: 'branch', begin: 0.4 } as const
const compress: PipelineInput['compress'] = [
  { method: 'magnitude', sparsity: 0.9, ...inTraining },
  { method: 'magnitude', sparsity: 0.9, ...inTraining, quantize: 'int8-dynamic' },
  { method: 'random', sparsity: 0.9, ...inTraining },
  { method: 'random', sparsity: 0.9, ...inTraining, draw: 'independent' },
  { method: 'random', sparsity: 0.9, when: 'after' },
  { method: 'filter', sparsity: 0.5, ...inTraining },
  {
    method: 'filter',
    sparsity: 0.5,
    ...inTraining,
    quantize: { method: 'int8-static', calibrationExamples: 16 },
  },
  { method: 'filter', sparsity: 0.5, when: 'after', norm: 'l2', quantize: 'int4' },
  { method: 'int4' },
  { method: 'int8-aware', begin: 0.6 },
  { method: 'magnitude', sparsity: 0.9, ...inTraining, quantize: { method: 'int8-aware', begin: 0.6 } },
  { method: 'filter', sparsity: 0.5, ...inTraining, quantize: { method: 'int8-aware', begin: 0.6 } },
]
const levels = [
  'magnitude-0.9',
  'magnitude-0.9+int8-dynamic',
  'random-0.9',
  'random-independent-0.9',
  'random-after-0.9',
  'filter-0.5',
  'filter-0.5+int8-static',
  'filter-after-0.5+int4',
  'int4',
  'int8-aware',
  'magnitude-0.9+int8-aware',
  'filter-0.5+int8-aware',
]

let folder: string
let run: Run
const trained = new Set<string>()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-compress-'))
  run = await runSmall(folder, {
    workers: 2,
    changes: { compress, retrain: undefined, model: { architecture: 'cnn-small', width: 0.25, epochs: 1 } },
    observe(event) {
      if (event.event !== 'progress' || event.stage !== 'compress') return
      const [, member] = /^(.*), loss/.exec(event.note ?? '') ?? []
      if (member !== undefined) trained.add(member)
    },
  })
}, 120_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

const fileOf = (level: string, seed = 0) => join(run.folder, 'members', level, `${seed}.onnx`)
const graphOf = async (level: string, seed = 0) => decodeModel(await readFile(fileOf(level, seed))).graph

it('makes every level, and predicts with it', async () => {
  expect(run.manifest.status).toBe('done')
  expect((await readdir(join(run.folder, 'members'))).sort()).toEqual(['dense', ...levels].sort())
  const predictions = await readdir(join(run.folder, 'predictions'))
  expect(predictions.sort()).toEqual(['dense', ...levels].map(level => `${level}.parquet`).sort())
})

it('trains a member that is quantized too once', () => {
  const pruned = ['magnitude-0.9', 'random-0.9', 'random-independent-0.9', 'filter-0.5']
  const aware = levels.filter(level => level.endsWith('int8-aware'))
  expect([...trained].sort()).toEqual(
    [...pruned, ...aware].flatMap(level => [`${level} 0`, `${level} 1`]).sort(),
  )
})

it.each(['magnitude-0.9', 'random-0.9', 'random-independent-0.9', 'random-after-0.9'])(
  '%s has exactly its sparsity',
  async level => {
    const { weights, nonZeroWeights } = countWeights(await graphOf(level))
    expect(nonZeroWeights).toBe(weights - Math.round(0.9 * weights))
  },
)

it('quantizes the very members that were pruned', async () => {
  const { nonZeroWeights } = countWeights(await graphOf('magnitude-0.9'))
  const quantized = await graphOf('magnitude-0.9+int8-dynamic')
  expect(countWeights(quantized).nonZeroWeights).toBeLessThanOrEqual(nonZeroWeights)
  expect(quantized.node.some(({ opType }) => opType === 'ConvInteger')).toBe(true)
})

it('trains members for their quantization, on from those that it found', async () => {
  const kernelsOf = async (level: string) =>
    (await graphOf(level)).initializer
      .filter(({ name }) => /kernel.*_quantized$/.test(name))
      .map(tensor => [...tensorArray(tensor)].map(Number))
  const level = 'magnitude-0.9+int8-aware'
  const { graph, metadataProps } = decodeModel(await readFile(fileOf(level)))
  expect(new Map(metadataProps.map(({ key, value }) => [key, value])).get('level')).toBe(level)
  expect(graph.node.some(({ opType }) => opType === 'QuantizeLinear')).toBe(true)
  const { weights, nonZeroWeights } = countWeights(graph)
  expect(nonZeroWeights).toBeLessThanOrEqual(weights - Math.round(0.9 * weights))
  expect(nonZeroWeights).toBeGreaterThan(0.05 * weights)
  const narrow = await kernelsOf('filter-0.5+int8-aware')
  const static8 = await kernelsOf('filter-0.5+int8-static')
  expect(narrow.map(({ length }) => length)).toEqual(static8.map(({ length }) => length))
  expect(narrow).not.toEqual(static8)
})

it('gives every seed masks of its own', async () => {
  const zerosOf = async (seed: number) =>
    (await graphOf('random-after-0.9', seed)).initializer
      .filter(({ name }) => name.endsWith('/kernel'))
      .map(({ rawData }) =>
        Array.from(new Float32Array(Uint8Array.from(rawData!).buffer), weight => weight === 0),
      )
  expect(await zerosOf(0)).not.toEqual(await zerosOf(1))
})

it('makes the files of narrower networks smaller', async () => {
  const size = async (level: string) => (await stat(fileOf(level))).size
  const dense = await size('dense')
  expect(await size('filter-0.5')).toBeLessThan(0.5 * dense)
  expect(await size('int4')).toBeLessThan(0.4 * dense)
  expect(await size('filter-after-0.5+int4')).toBeLessThan(await size('int4'))
  const integers = (await graphOf('filter-after-0.5+int4')).initializer.filter(
    tensor => elementType(tensor) === 'int4',
  )
  expect(integers.length).toBe(4)
})
