/** A population of heads on a backbone, in a real run to its end. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { readDatasetInfo } from '../../src/dataset/info.js'
import { createPredictor } from '../../src/engine/onnxruntime/predictor.js'
import { DataError } from '../../src/errors.js'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import { initialWeights } from '../../src/model/initialize.js'
import { exportOnnx } from '../../src/onnx/export.js'
import { cutToFeatures } from '../../src/onnx/features.js'
import { GraphBuilder } from '../../src/onnx/graph.js'
import { decodeModel, encodeModel } from '../../src/onnx/model.js'
import type { PipelineInput } from '../../src/pipeline/config.js'
import { openTable, readNpy } from '../../src/pipeline/files.js'
import { resolvePipeline } from '../../src/pipeline/load.js'
import { runPipeline } from '../../src/pipeline/runner.js'
import type { Run } from '../../src/pipeline/runs.js'
import { stages } from '../../src/pipeline/stages.js'
import { openBackbone } from '../../src/stages/backbone-model.js'
import { imageColumn } from '../../src/tables/columns.js'

const glyphs = new URL('../../data/glyphs/test.parquet', import.meta.url).pathname
const input = { kind: 'image', height: 28, width: 28, channels: 1 } as const

let folder: string
const at = (...path: string[]) => join(folder, ...path)

/** A network of ours with its initial weights: random convolutions see more than pixels do. */
function classifier(): Uint8Array {
  const normalization = { mean: Float32Array.of(0.5), deviation: Float32Array.of(0.3) }
  const options = { input, classes: 7, width: 0.25, dropout: 0 }
  const architecture = buildArchitecture('cnn-small', normalization, options)
  return exportOnnx(architecture, initialWeights(architecture, ['backbone']), {})
}

function pipeline(name: string, backbone: NonNullable<PipelineInput['model']>['backbone'], rest = {}) {
  return resolvePipeline(
    {
      name,
      dataset: { path: glyphs, trueLabel: 'true_label', limit: 240, testShare: 0.25 },
      model: { backbone, epochs: 3, batchSize: 32 },
      population: { seeds: 2, crossFit: 2 },
      compress: [{ method: 'magnitude', sparsity: 0.5, when: 'after' }, { method: 'int8-static' }],
      inspect: false,
      ...rest,
    } as PipelineInput,
    folder,
  )
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-backbone-'))
  await writeFile(at('backbone.onnx'), classifier())
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a run on a backbone', () => {
  let run: Run
  beforeAll(async () => {
    const wanted = pipeline(
      'heads',
      { path: 'backbone.onnx', cut: true },
      {
        retrain: { seeds: 2, arms: ['all', 'cleaned', 'random-cleaned', 'weighted', 'relabeled-or-dropped'] },
      },
    )
    run = await runPipeline(wanted, { stages, fingerprint, out: at('runs'), workers: 2 })
  }, 600_000)
  const file = (...path: string[]) => join(run.folder, ...path)

  it('trains linear heads on what the backbone gives', async () => {
    const { data, shape } = await readNpy(file('backbone.npy'))
    const inputs = await readNpy(file('inputs.npy'))
    const model = decodeModel(classifier())
    const size = cutToFeatures(model)!
    const predictor = await createPredictor(encodeModel(model), { threads: 1 })
    expect(shape).toEqual([240, size])
    expect(data).toEqual(await predictor.predict(inputs.data as Uint8Array))
    await predictor.dispose()
    const { input, trainExamples } = await readDatasetInfo(file('dataset.json'))
    expect(input.kind).toBe('image')
    const head = decodeModel(await readFile(file('members', 'dense', '0.onnx')))
    expect(head.graph.node.filter(({ opType }) => ['Gemm', 'MatMul', 'Conv'].includes(opType))).toHaveLength(
      1,
    )
    const { size: described, normalization } = JSON.parse(await readFile(file('backbone.json'), 'utf8'))
    expect(described).toBe(size)
    const first = Array.from({ length: trainExamples }, (_, row) => (data as Float32Array)[row * size]!)
    expect(normalization.mean[0]).toBeCloseTo(first.reduce((sum, value) => sum + value, 0) / trainExamples, 5)
  })

  it('keeps showing images, and compares the arms', async () => {
    for await (const batch of openTable(file('pies.parquet'))) {
      for (const image of imageColumn(batch, 'image')) expect(image!.bytes!.length).toBeGreaterThan(50)
    }
    const page = await readFile(file('report.html'), 'utf8')
    expect(page).toContain('linear on a backbone')
    expect(page).toContain('data:image/')
    const arms = []
    for await (const batch of openTable(file('retrain.parquet'))) {
      for (const row of batch) if (row.seed === null) arms.push(row.toJSON())
    }
    const n = Object.fromEntries(arms.map(({ arm, n }) => [arm, n]))
    expect(n).toMatchObject({ all: 180, weighted: 180, 'random-cleaned': n.cleaned })
    expect(arms.find(({ arm }) => arm === 'cleaned')!.over_random).toBeTypeOf('number')
    // The same examples and labels: only the weights tell these two apart.
    const trained = (arm: string) => readFile(file('retrained', arm, '0.onnx'))
    expect((await trained('weighted')).equals(await trained('all'))).toBe(false)
    const { headline } = run.manifest.stages.find(({ name }) => name === 'retrain')!
    expect(headline.recommendation).toMatch(/test accuracy/)
  })

  it('gives the same bytes with one worker, and asks the backbone once for the same pictures', async () => {
    const features = await readFile(file('backbone.npy'))
    const few = stages.filter(({ name }) => ['ingest', 'backbone'].includes(name))
    const options = { stages: few, fingerprint, workers: 1 }
    const wanted = pipeline('alone', { path: 'backbone.onnx', cut: true })
    const alone = await runPipeline(wanted, { ...options, out: at('alone') })
    expect(await readFile(join(alone.folder, 'backbone.npy'))).toEqual(features)
    const folds = { population: { seeds: 3, crossFit: 3 } }
    const again = await runPipeline(pipeline('folds', { path: 'backbone.onnx', cut: true }, folds), {
      ...options,
      out: at('runs'),
    })
    const { headline, reused } = again.manifest.stages.find(({ name }) => name === 'backbone')!
    expect({ reused, parts: headline.reused }).toEqual({ reused: false, parts: true })
  })
})

describe('openBackbone', () => {
  /** A model whose outputs are of these sizes an example, each channel or token a multiple of the pixels' mean. */
  async function model(outputs: Readonly<Record<string, readonly number[]>>): Promise<string> {
    const graph = new GraphBuilder()
    const pixels = graph.input('pixels', 'float32', ['N', 1, 28, 28])
    const mean = graph.node('ReduceMean', [pixels], { axes: [1, 2, 3], keepdims: 1 })
    for (const [name, sizes] of Object.entries(outputs)) {
      const length = sizes.reduce((product, size) => product * size, 1)
      const rank = [1, 1, 1, 1].slice(0, sizes.length + 1)
      rank[0] = -1
      const shaped = graph.reshape(mean, rank)
      const factors = graph.floats(
        Float32Array.from({ length }, (_, i) => i),
        [1, ...sizes],
      )
      graph.output(name, 'float32', ['N', ...sizes], graph.node('Mul', [shaped, factors]))
    }
    const path = at(`${Object.keys(outputs).join('-')}-${Object.values(outputs).flat().join('x')}.onnx`)
    await writeFile(path, graph.encode('test'))
    return path
  }
  const open = async (outputs: Parameters<typeof model>[0], settings = {}) =>
    openBackbone(
      { path: await model(outputs), preprocess: 'unit', cut: false, ...settings } as Parameters<
        typeof openBackbone
      >[0],
      input,
    )
  async function features(bytes: Uint8Array): Promise<number[]> {
    const predictor = await createPredictor(bytes, { threads: 1 })
    const row = await predictor.predict(new Uint8Array(28 * 28).fill(255))
    await predictor.dispose()
    return [...row]
  }

  it('takes a row, the mean of a map, and tokens as asked', async () => {
    expect(await features((await open({ row: [3] })).bytes)).toEqual([0, 1, 2])
    expect(await features((await open({ map: [2, 1, 2] })).bytes)).toEqual([0.5, 2.5])
    expect(await features((await open({ tokens: [3, 2] }, { pool: 'first' })).bytes)).toEqual([0, 1])
    expect(await features((await open({ tokens: [3, 2] }, { pool: 'mean' })).bytes)).toEqual([2, 3])
  })

  it('chooses the row among outputs, and says what it cannot choose', async () => {
    expect((await open({ hidden: [4, 2], pooled: [5] })).size).toBe(5)
    const refusal = (outputs: Parameters<typeof model>[0], settings = {}) =>
      open(outputs, settings).then(
        () => 'none',
        (error: unknown) => (error instanceof DataError ? error.describe() : String(error)),
      )
    expect(await refusal({ hidden: [4, 2] })).toMatch(/"model.backbone.pool".*4 tokens.*Set it to first/s)
    expect(await refusal({ a: [4], b: [5] })).toMatch(/several outputs.*Name the one/s)
    expect((await open({ a: [4], b: [5] }, { output: 'b' })).size).toBe(5)
    expect(await refusal({ a: [4] }, { output: 'c' })).toMatch(/no output "c".*a \[1, 4\]/s)
    expect(await refusal({ a: [4] }, { pool: 'mean' })).toMatch(/no tokens.*Leave it out/s)
    expect(await refusal({ a: [4] }, { cut: true })).toMatch(/"model.backbone.cut".*no dense layer/s)
    expect(await refusal({ a: [4] }, { preprocess: 'imagenet' })).toMatch(/3 values for 1 channel/)
  })
})
