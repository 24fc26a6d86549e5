/**
 * Models from elsewhere in a real run: one population of classifiers, written in the ways that other tools write
 * them, is audited as its predictions alone are.
 */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import onnxProto from 'onnx-proto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { GraphBuilder } from '../../src/onnx/graph.js'
import { decodeModel, encodeModel } from '../../src/onnx/model.js'
import type { PipelineInput } from '../../src/pipeline/config.js'
import type { RunEvent } from '../../src/pipeline/events.js'
import { openTable, readNpy, writeNpy } from '../../src/pipeline/files.js'
import { resolvePipeline } from '../../src/pipeline/load.js'
import { runPipeline } from '../../src/pipeline/runner.js'
import type { Run } from '../../src/pipeline/runs.js'
import { stages } from '../../src/pipeline/stages.js'
import { scorePredictions } from '../../src/predictions/score-predictions.js'
import { int32Column } from '../../src/tables/columns.js'

const glyphs = new URL('../../data/glyphs/test.parquet', import.meta.url).pathname
const side = 28
const pixels = side * side
const classes = 10
const letters = [...'ABCDEFGHIJ']

/** The stages up to the tables that are compared. */
const audited = stages.filter(({ name }) => ['ingest', 'models', 'predict', 'score'].includes(name))

/** x · weights + bias, with weights [pixels, classes]. */
interface Classifier {
  readonly weights: Float32Array
  readonly bias: Float32Array
}

let folder: string
let inputs: Uint8Array
let labels: Int32Array
/** Three dense members, and the same with the least weights gone. */
let dense: Classifier[]
let sparse: Classifier[]

const at = (...path: string[]) => join(folder, ...path)

function pipeline(models: Record<string, unknown>, changes: Partial<PipelineInput> = {}) {
  return resolvePipeline(
    {
      name: 'outside',
      dataset: { path: glyphs, trueLabel: 'true_label', limit: 600, classNames: letters },
      inspect: false,
      population: { models: { path: at('models'), trainedOn: 'none', ...models } },
      ...changes,
    } as PipelineInput,
    folder,
  )
}

async function runModels(
  models: Record<string, unknown> = {},
  changes: Partial<PipelineInput> = {},
): Promise<{ run: Run; logs: string[] }> {
  const logs: string[] = []
  const observe = (event: RunEvent) => {
    if (event.event === 'log') logs.push(event.message)
  }
  const options = { stages: audited, fingerprint, out: at('runs'), workers: 2, observe }
  return { run: await runPipeline(pipeline(models, changes), options), logs }
}

async function rowsOf(path: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = []
  for await (const batch of openTable(path)) for (const row of batch) rows.push(row.toJSON())
  return rows
}

/** Nearest class mean over every third example: an honest classifier that needs no training. */
function nearestMean(part: number): Classifier {
  const means = new Float32Array(pixels * classes)
  const counts = new Float32Array(classes)
  for (let i = part; i < labels.length; i += 3) {
    counts[labels[i]!]!++
    for (let p = 0; p < pixels; p++) means[p * classes + labels[i]!]! += inputs[i * pixels + p]! / 255
  }
  // No weight is zero before pruning.
  for (let w = 0; w < means.length; w++) means[w] = means[w]! / counts[w % classes]! + 1e-3
  const bias = new Float32Array(classes)
  for (let w = 0; w < means.length; w++) bias[w % classes]! -= means[w]! ** 2 / 2
  return { weights: means, bias }
}

function pruned({ weights, bias }: Classifier, sparsity: number): Classifier {
  const order = [...weights.keys()].sort((a, b) => weights[a]! - weights[b]!)
  const gone = new Set(order.slice(0, Math.round(sparsity * weights.length)))
  return { bias, weights: weights.map((weight, w) => (gone.has(w) ? 0 : weight)) }
}

interface Form {
  readonly layout?: 'nchw' | 'nhwc'
  readonly type?: 'float32' | 'uint8'
  readonly batch?: number
  readonly softmax?: boolean
  /** Order of the classes in the output. */
  readonly order?: readonly number[]
  readonly metadata?: Record<string, string>
}

/** The classifier as some tool would write it. */
function onnx({ weights, bias }: Classifier, form: Form = {}): Uint8Array {
  const { layout = 'nchw', type = 'float32', batch, softmax, order, metadata = {} } = form
  const graph = new GraphBuilder()
  const sizes = layout === 'nchw' ? [1, side, side] : [side, side, 1]
  let tensor = graph.input('picture', type, [batch ?? 'batch', ...sizes])
  if (type === 'uint8') {
    tensor = graph.node('Div', [graph.node('Cast', [tensor], { to: 1 }), graph.scalar(255)])
  }
  const place = (c: number) => order?.[c] ?? c
  const kernel = weights.map((_, w) => weights[w - (w % classes) + place(w % classes)]!)
  tensor = graph.node('Gemm', [
    graph.node('Flatten', [tensor]),
    graph.initializer('fc.weight', 'float32', [pixels, classes], kernel),
    graph.initializer(
      'fc.bias',
      'float32',
      [classes],
      bias.map((_, c) => bias[place(c)]!),
    ),
  ])
  if (softmax) tensor = graph.node('Softmax', [tensor], { axis: 1 })
  graph.output('scores', 'float32', [batch ?? 'batch', classes], tensor)
  return graph.encode('linear', metadata)
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(at(path)), { recursive: true })
  await writeFile(at(path), bytes)
}

/** Logits in double precision, by nothing of the project: rows · weights + bias. */
function logitsOf({ weights, bias }: Classifier): Float32Array {
  const logits = new Float32Array(labels.length * classes)
  for (let i = 0; i < labels.length; i++) {
    for (let c = 0; c < classes; c++) {
      let sum = bias[c]!
      for (let p = 0; p < pixels; p++) sum += (inputs[i * pixels + p]! / 255) * weights[p * classes + c]!
      logits[i * classes + c] = sum
    }
  }
  return logits
}

const forms: Form[] = [
  {},
  { layout: 'nhwc', type: 'uint8', softmax: true },
  { layout: 'nhwc', batch: 7, order: [3, 1, 4, 0, 5, 9, 2, 6, 8, 7] },
]

function withOrder(form: Form): Form {
  if (form.order === undefined) return form
  return { ...form, metadata: { classes: JSON.stringify(form.order.map(c => letters[c])) } }
}

let first: { run: Run; logs: string[] }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-models-'))
  // A run of nothing but ingest gives the pictures as members see them.
  await write('models/dense/0.onnx', onnx({ weights: new Float32Array(7840), bias: new Float32Array(10) }))
  const blank = await runModels()
  inputs = (await readNpy(join(blank.run.folder, 'inputs.npy'))).data as Uint8Array
  const batches: Int32Array[] = []
  for await (const batch of openTable(join(blank.run.folder, 'examples.parquet'))) {
    batches.push(int32Column(batch, 'label'))
  }
  labels = Int32Array.from(batches.flatMap(batch => [...batch]))
  dense = [0, 1, 2].map(nearestMean)
  sparse = dense.map(member => pruned(member, 0.6))
  for (const [m, form] of forms.entries()) {
    await write(`models/dense/${m}.onnx`, onnx(dense[m]!, withOrder(form)))
    await write(`models/magnitude-0.6/${m}.onnx`, onnx(sparse[m]!, withOrder(forms[(m + 1) % 3]!)))
  }
  first = await runModels()
}, 240_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

it('says loudly that models know nothing of the data', async () => {
  const bias = Float32Array.from({ length: 10 }, (_, c) => c)
  await write('blank/dense/0.onnx', onnx({ weights: new Float32Array(7840), bias }))
  const { run, logs } = await runModels({ path: at('blank') })
  const warning = /^dense\/0\.onnx predicts .*no more than chance/
  expect(logs).toContainEqual(expect.stringMatching(new RegExp(`WARNING ${warning.source.slice(1)}`)))
  const { headline } = run.manifest.stages.find(({ name }) => name === 'models')!
  expect(headline.warnings).toEqual([expect.stringMatching(warning)])
})

it('finds layout, type, batch and form', () => {
  expect(first.logs).toContain(
    'dense: takes float32 nchw as "picture", any batch, preprocessing unit, gives logits as "scores"',
  )
  expect(first.logs).toContain(
    'dense: takes uint8 nhwc as "picture", any batch, bytes, gives logits as "scores"',
  )
  expect(first.logs).toContain(
    'dense: takes float32 nhwc as "picture", batches of 7, preprocessing unit, gives logits as "scores"',
  )
})

it('trains and compresses nothing', () => {
  const wanted = stages.filter(({ wanted }) => wanted?.(pipeline({})) ?? true).map(({ name }) => name)
  expect(wanted).toContain('models')
  expect(wanted).not.toContain('train')
  expect(wanted).not.toContain('compress')
})

it('gives the tables that the predictions alone give', async () => {
  for (const [level, members] of Object.entries({ dense, 'magnitude-0.6': sparse })) {
    await mkdir(at('predictions', level), { recursive: true })
    for (const [m, member] of members.entries()) {
      const logits = logitsOf(member)
      await writeNpy(
        at('predictions', level, `${m}.npy`),
        { dtype: 'float32', shape: [classes] },
        (async function* () {
          yield logits
        })(),
      )
    }
  }
  await scorePredictions({
    populations: at('predictions'),
    form: 'logits',
    labels: join(first.run.folder, 'examples.parquet'),
    classNames: letters,
    out: at('scored'),
  })
  for (const name of ['scores', 'levels', 'classes']) {
    const [ours, theirs] = await Promise.all(
      [first.run.folder, at('scored')].map(place => rowsOf(join(place, `${name}.parquet`))),
    )
    expect(ours!.length).toBe(theirs!.length)
    for (const [i, row] of theirs!.entries()) {
      for (const [column, value] of Object.entries(row)) {
        if (name === 'levels' && value === null) continue
        const own = ours![i]![column]
        if (typeof value === 'number') expect(own, `${name} ${i} ${column}`).toBeCloseTo(value, 4)
        else expect(own, `${name} ${i} ${column}`).toEqual(value)
      }
    }
  }
})

it('reads sparsity and bits from the weights', async () => {
  const levels = await rowsOf(join(first.run.folder, 'levels.parquet'))
  const [, level] = levels
  expect(level).toMatchObject({ level: 'magnitude-0.6', method: 'magnitude', bits: 32, members: 3 })
  const zeros = sparse.map(({ weights }) => weights.filter(weight => weight === 0).length / weights.length)
  expect(level!.sparsity).toBeCloseTo((zeros[0]! + zeros[1]! + zeros[2]!) / 3, 9)
})

it('predicts a changed model again, and no other', async () => {
  const path = 'models/magnitude-0.6/1.onnx'
  const before = await readFile(at(path))
  await write(path, onnx(pruned(dense[1]!, 0.7), withOrder(forms[2]!)))
  const { run } = await runModels()
  const predict = run.manifest.stages.find(({ name }) => name === 'predict')!
  expect(predict.headline).toEqual({ members: 6, reused: 5 })
  await write(path, before)
  const { run: again } = await runModels()
  expect(again.manifest.stages.every(({ reused }) => reused)).toBe(true)
})

it('counts training data as known to the models unless told otherwise', async () => {
  const { run } = await runModels({ trainedOn: 'train' })
  const [row] = await rowsOf(join(run.folder, 'predictions/dense.parquet'))
  expect(row!.in_sample).toBe(true)
  const [none] = await rowsOf(join(first.run.folder, 'predictions/dense.parquet'))
  expect(none!.in_sample).toBe(false)
})

describe('refused with the mend', () => {
  const refused = async (name: string, bytes: Uint8Array, models: Record<string, unknown> = {}) => {
    await write(`${name}/dense/0.onnx`, bytes)
    return runModels({ path: at(name), ...models })
  }

  it('wrong preprocessing, by the one that fits', async () => {
    const { weights, bias } = dense[0]!
    // Expects 0 … 255: at 0 … 1 the bias alone decides.
    const bytes = onnx({ weights: weights.map(weight => weight / 255), bias })
    await expect(refused('bytes', bytes)).rejects.toMatchObject({
      key: 'population.models.preprocess',
      mend: expect.stringContaining('bytes'),
    })
    const { logs } = await refused('bytes', bytes, { preprocess: 'bytes' })
    expect(logs.join('\n')).not.toContain('WARNING')
  })

  it('another order of the classes, by its names', async () => {
    const order = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]
    const { logs } = await refused('order', onnx(dense[0]!, { order }))
    const names = order.map(c => letters[c])
    expect(logs.join('\n')).toContain(`population.models.classes: [${names.join(', ')}]`)
    const mended = await refused('order', onnx(dense[0]!, { order }), { classes: names })
    expect(mended.logs.join('\n')).not.toContain('WARNING')
  })

  it('classes that are not those of the data set', async () => {
    const metadata = { classes: JSON.stringify([...letters.slice(0, 9), 'K']) }
    await expect(refused('names', onnx(dense[0]!, { metadata }))).rejects.toThrow(/the class "K"/)
  })

  it('pictures of another size', async () => {
    const graph = new GraphBuilder()
    graph.input('x', 'float32', ['N', 3, 224, 224])
    graph.output('y', 'float32', ['N', 10], graph.node('Flatten', [graph.node('GlobalAveragePool', ['x'])]))
    await expect(refused('size', graph.encode('size'))).rejects.toMatchObject({
      mend: 'Set dataset.size to 224 and dataset.channels to 3.',
    })
  })

  it('a broken file, by its name', async () => {
    const bytes = onnx(dense[0]!)
    await expect(refused('broken', bytes.subarray(0, 2000))).rejects.toMatchObject({
      file: at('broken/dense/0.onnx'),
      mend: 'Write or copy the file again.',
    })
  })

  it('weights outside the folder, and takes those beside the model', async () => {
    const external = (location: string) => {
      const model = decodeModel(onnx(dense[0]!))
      const tensor = model.graph.initializer.find(({ name }) => name === 'fc.weight')!
      const { rawData } = tensor
      tensor.rawData = new Uint8Array()
      tensor.dataLocation = onnxProto.onnx.TensorProto.DataLocation.EXTERNAL
      tensor.externalData = [
        onnxProto.onnx.StringStringEntryProto.create({ key: 'location', value: location }),
      ]
      return { bytes: encodeModel(model), weights: rawData! }
    }
    const { bytes, weights } = external('weights.bin')
    await write('beside/dense/weights.bin', weights)
    const { logs } = await refused('beside', bytes)
    expect(logs.join('\n')).not.toContain('WARNING')
    await write('secret.bin', weights)
    await expect(refused('outside', external('../../secret.bin').bytes)).rejects.toThrow(/outside its folder/)
    await expect(refused('outside', external(at('secret.bin')).bytes)).rejects.toThrow(/outside its folder/)
    await symlink(at('secret.bin'), at('outside/dense/link.bin'))
    await expect(refused('outside', external('link.bin').bytes)).rejects.toThrow(/outside its folder/)
  })

  it('settings that mean nothing beside models', () => {
    const key = (changes: Partial<PipelineInput>) => {
      try {
        pipeline({}, changes)
      } catch (error) {
        return (error as { key?: string }).key
      }
      return undefined
    }
    expect(key({ compress: [{ method: 'float16' }] })).toBe('compress')
    expect(key({ model: { epochs: 3 } })).toBe('model')
    expect(key({ population: { models: at('models'), seeds: 3 } })).toBe('population.seeds')
    expect(key({ dataset: { path: glyphs, testShare: 0.2 }, retrain: { seeds: 1 } })).toBe('retrain')
    expect(key({ population: { models: at('nowhere') } })).toBe('population.models')
    expect(key({ population: { models: { path: at('models'), dense: 'full' } } })).toBe(
      'population.models.dense',
    )
  })
})
