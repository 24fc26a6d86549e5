/** Every format that pieline reads, with small whole samples of it and the way in which a run reads it. */
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Binary, type DataType, Field, Float64, Int64, Schema, Utf8 } from 'apache-arrow'
import sharp from 'sharp'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { readDatasetInfo } from '../../src/dataset/info.js'
import { labelStudioDecisions } from '../../src/interop/label-studio-decisions.js'
import { GraphBuilder } from '../../src/onnx/graph.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { hashOfFile, openTable, readNpy, writeTable } from '../../src/pipeline/files.js'
import { loadPipeline, resolvePipeline } from '../../src/pipeline/load.js'
import { type Manifest, readManifest, writeManifest } from '../../src/pipeline/manifest.js'
import { runPipeline } from '../../src/pipeline/runner.js'
import { findRun, listRuns } from '../../src/pipeline/runs.js'
import { stages } from '../../src/pipeline/stages.js'
import { storeName } from '../../src/pipeline/store.js'
import { type ScorePredictionsOptions, scorePredictions } from '../../src/predictions/score-predictions.js'
import { readDecisions } from '../../src/review/decision-log.js'
import { currentDecisions, formatEvent } from '../../src/review/decisions.js'
import { type ColumnValues, int32Column, recordBatch } from '../../src/tables/columns.js'
import { imageType, vectorType } from '../../src/tables/schemas.js'
import { encodeState, readState } from '../../src/training/state-file.js'
import { fingerprint as smallFingerprint, smallStages } from '../pipeline/small-stages.js'
import { type FuzzedFormat, Inconsistent, type Sample } from './case.js'

async function write(path: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  return path
}

type ImageFormat = 'png' | 'jpeg' | 'webp' | 'gif' | 'tiff' | 'avif'

/** A small picture with something on it, brighter in class 1. */
function picture(row: number, format: ImageFormat = 'png', side = 6): Promise<Buffer> {
  const data = Uint8Array.from(
    { length: side * side * 3 },
    (_, i) => ((row * 31 + i * 7) % 100) + 100 * (row % 2),
  )
  return sharp(data, { raw: { width: side, height: side, channels: 3 } })
    .toFormat(format)
    .toBuffer()
}

const rows = [...Array(8).keys()]
const classNames = ['cat', 'dog']
const nameOf = (row: number) => classNames[row % 2]!

const noRefusal: readonly number[] = []
/** A pipeline or data set is refused as such. */
const badData: readonly number[] = [2, 3]

/** What lies in the folder of runs after a refusal must not look like a run that is done. */
async function holdEmpty(out: string): Promise<void> {
  const names = await readdir(join(out, storeName)).catch(() => [])
  const left = names.filter(name => name !== 'CACHEDIR.TAG' && !/^\.?roots/.test(name))
  if (left.length > 0) throw new Inconsistent(`a refused data set left ${left.join(', ')} in the store`)
  for (const { manifest } of await listRuns(join(out, 'fuzz'))) {
    if (manifest.status === 'done') throw new Inconsistent('a refused data set left a run that is done')
  }
}

/** Tables, inputs and counts of an ingested data set say the same. */
async function holdIngested(folder: string): Promise<void> {
  const info = await readDatasetInfo(join(folder, 'dataset.json'))
  const examples = info.trainExamples + info.testExamples
  const inputs = await readNpy(join(folder, 'inputs.npy'))
  if (inputs.shape[0] !== examples)
    throw new Inconsistent(`${inputs.shape[0]} inputs of ${examples} examples`)
  if (!inputs.data.every(Number.isFinite)) throw new Inconsistent('an input is no number')
  let count = 0
  const ids = new Set<unknown>()
  for await (const batch of openTable(join(folder, 'examples.parquet'))) {
    count += batch.numRows
    for (const label of int32Column(batch, 'label')) {
      if (!(label >= 0 && label < info.classNames.length)) throw new Inconsistent(`a label is ${label}`)
    }
    for (const id of batch.getChild('example_id')!) ids.add(id)
  }
  if (count !== examples || ids.size !== examples) {
    throw new Inconsistent(`${count} rows and ${ids.size} ids of ${examples} examples`)
  }
}

const ingestStages = stages.filter(({ name }) => name === 'ingest')

/** A data set, read by a run of nothing but ingest. */
function dataset(
  out: string,
  config: PipelineInput['dataset'],
  files: readonly string[],
  changes: Partial<PipelineInput> = {},
): Sample {
  const pipeline = pipelineSchema.parse({
    name: 'fuzz',
    dataset: config,
    population: { crossFit: 2 },
    ...changes,
  })
  return {
    files,
    async read() {
      await rm(out, { recursive: true, force: true })
      try {
        const { folder } = await runPipeline(pipeline, { stages: ingestStages, fingerprint, out, workers: 1 })
        await holdIngested(folder)
      } catch (error) {
        if (!(error instanceof Inconsistent)) await holdEmpty(out)
        throw error
      }
    },
  }
}

const types = {
  image: imageType,
  binary: new Binary(),
  integer: new Int64(),
  float: new Float64(),
  text: new Utf8(),
} as const

type Columns = Readonly<Record<string, readonly [type: keyof typeof types | DataType, values: ColumnValues]>>

async function writeColumns(
  path: string,
  columns: Columns,
  metadata: [string, string][] = [],
): Promise<string> {
  const schema = new Schema(
    Object.entries(columns).map(
      ([name, [type]]) => new Field(name, typeof type === 'string' ? types[type] : type, true),
    ),
    new Map(metadata),
  )
  const values = Object.fromEntries(Object.entries(columns).map(([name, [, column]]) => [name, column]))
  await mkdir(dirname(path), { recursive: true })
  await writeTable(path, schema, [recordBatch(schema, values)], { rowGroupRows: 4 })
  return path
}

/** As Hugging Face has images and classes, and as data frames have numbers and text. */
async function tables(folder: string, ending: string): Promise<Sample[]> {
  const images = await Promise.all(rows.map(async row => ({ bytes: await picture(row), path: `${row}.png` })))
  const features = { info: { features: { label: { names: classNames, _type: 'ClassLabel' } } } }
  const pictures = await writeColumns(
    join(folder, `pictures.${ending}`),
    { image: ['image', images], label: ['integer', rows.map(row => row % 2)] },
    [['huggingface', JSON.stringify(features)]],
  )
  const numbers = await writeColumns(join(folder, `numbers.${ending}`), {
    id: ['text', rows.map(row => `row ${row}`)],
    width: ['float', rows.map(row => row / 3)],
    height: ['integer', rows],
    label: ['text', rows.map(nameOf)],
  })
  const vectors = await writeColumns(join(folder, `vectors.${ending}`), {
    embedding: [vectorType(3), Float32Array.from({ length: 24 }, (_, i) => i / 5)],
    label: ['integer', rows.map(row => row % 2)],
  })
  const out = join(folder, 'runs')
  return [
    dataset(out, { path: pictures }, [pictures]),
    dataset(out, { path: pictures, onBadExample: 'skip' }, [pictures]),
    dataset(out, { path: numbers, id: 'id', testShare: 0.25 }, [numbers]),
    dataset(out, { path: vectors }, [vectors]),
  ]
}

async function csv(folder: string): Promise<Sample[]> {
  const out = join(folder, 'runs')
  const lines = rows.map(row => `"row ${row}",${row / 3},${1e6 * row},"${nameOf(row)}"`)
  const numbers = await write(join(folder, 'numbers.csv'), `id,width,height,label\n${lines.join('\n')}\n`)
  for (const row of rows) await write(join(folder, 'images', `${row}.png`), await picture(row))
  const listed = rows.map(row => `images/${row}.png,${nameOf(row)}`)
  const paths = await write(join(folder, 'paths.csv'), `path,label\n${listed.join('\n')}\n`)
  const tabs = await write(
    join(folder, 'tabs.tsv'),
    lines.join('\n').replaceAll(',', '\t').replace(/^/, 'id\tx\ty\tlabel\n'),
  )
  return [
    dataset(out, { path: numbers, id: 'id' }, [numbers]),
    dataset(out, { path: numbers, onBadExample: 'skip' }, [numbers]),
    dataset(out, { path: paths }, [paths]),
    dataset(out, { path: tabs }, [tabs]),
  ]
}

function imageFolder(format: ImageFormat): FuzzedFormat {
  return {
    name: `folder of ${format}`,
    refusals: badData,
    async samples(folder) {
      const files = []
      for (const row of rows) {
        files.push(
          await write(
            join(folder, 'images', nameOf(row), `${row}.${format}`),
            await picture(row, format, 16),
          ),
        )
      }
      const path = join(folder, 'images')
      const out = join(folder, 'runs')
      return [dataset(out, { path }, files), dataset(out, { path, onBadExample: 'skip' }, files)]
    },
  }
}

async function cifar(folder: string): Promise<Sample[]> {
  const record = (labels: number[], row: number) =>
    Buffer.from([...labels, ...Array.from({ length: 3072 }, (_, i) => (row * 7 + i) % 256)])
  const ten = await write(
    join(folder, 'ten/data_batch_1.bin'),
    Buffer.concat(rows.map(row => record([row % 4], row))),
  )
  const names = await write(join(folder, 'ten/batches.meta.txt'), 'a\nb\nc\nd\n')
  const hundred = await write(
    join(folder, 'hundred/train.bin'),
    Buffer.concat(rows.map(row => record([row % 2, row % 3], row))),
  )
  const fine = await write(join(folder, 'hundred/fine_label_names.txt'), 'x\ny\nz\n')
  const coarse = await write(join(folder, 'hundred/coarse_label_names.txt'), 'p\nq\n')
  const out = join(folder, 'runs')
  return [
    dataset(out, { path: dirname(ten) }, [ten, names]),
    dataset(out, { path: dirname(hundred), label: 'fine_label' }, [hundred, fine, coarse]),
  ]
}

async function idx(folder: string): Promise<Sample[]> {
  const encode = (dimensions: number[], values: ArrayLike<number>) => {
    const header = Buffer.alloc(4 + 4 * dimensions.length)
    header.set([0, 0, 8, dimensions.length])
    for (const [index, size] of dimensions.entries()) header.writeUInt32BE(size, 4 + 4 * index)
    return Buffer.concat([header, Uint8Array.from(values)])
  }
  const images = encode(
    [8, 3, 5],
    Array.from({ length: 120 }, (_, i) => (i * 7) % 256),
  )
  const labels = encode(
    [8],
    rows.map(row => row % 2),
  )
  const out = join(folder, 'runs')
  const plain = [
    await write(join(folder, 'plain/train-images-idx3-ubyte'), images),
    await write(join(folder, 'plain/train-labels-idx1-ubyte'), labels),
  ]
  const packed = [
    await write(join(folder, 'packed/train-images-idx3-ubyte.gz'), gzipSync(images)),
    await write(join(folder, 'packed/train-labels-idx1-ubyte.gz'), gzipSync(labels)),
  ]
  return [
    dataset(out, { path: join(folder, 'plain') }, plain),
    dataset(out, { path: join(folder, 'packed') }, packed),
  ]
}

type Values = Uint8Array | BigInt64Array | Float32Array | Uint32Array

/** An array file as NumPy writes it: version 1.0, the header padded to 64 bytes. */
function npyBytes(description: string, shape: readonly number[], values: Values, order = 'False'): Buffer {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${description}', 'fortran_order': ${order}, 'shape': (${tuple}), }`
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10
  return Buffer.concat([
    Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, length & 255, length >> 8]),
    Buffer.from(`${text.padEnd(length - 1)}\n`),
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  ])
}

const integersNpy = (values: readonly number[]) =>
  npyBytes(
    '<i8',
    [values.length],
    BigInt64Array.from(values, value => BigInt(value)),
  )

/** Text as NumPy has it: four bytes a character, filled up with zeros. */
function textNpy(texts: readonly string[]): Buffer {
  const width = Math.max(...texts.map(text => text.length))
  const points = texts.flatMap(text => Array.from({ length: width }, (_, i) => text.codePointAt(i) ?? 0))
  return npyBytes(`<U${width}`, [texts.length], Uint32Array.from(points))
}

async function npy(folder: string): Promise<Sample[]> {
  const out = join(folder, 'runs')
  const pixels = Uint8Array.from({ length: 8 * 3 * 4 * 4 }, (_, i) => (i * 7) % 256)
  const of = async (name: string, inputs: Buffer, labels: Buffer) => {
    const files = [
      await write(join(folder, name, 'x.npy'), inputs),
      await write(join(folder, name, 'y.npy'), labels),
    ]
    return dataset(out, { path: files[0]! }, files)
  }
  return [
    await of('pictures', npyBytes('|u1', [8, 3, 4, 4], pixels), integersNpy(rows.map(row => row % 2))),
    await of(
      'features',
      npyBytes(
        '<f4',
        [8, 4],
        Float32Array.from({ length: 32 }, (_, i) => i / 3),
      ),
      textNpy(rows.map(nameOf)),
    ),
  ]
}

async function celeba(folder: string): Promise<Sample[]> {
  const attributes = ['Male', 'Smiling']
  const face = (row: number) => `${String(row + 1).padStart(6, '0')}.png`
  const values = (row: number) => attributes.map((_, index) => ((row >> index) & 1) * 2 - 1)
  const part = (row: number) => (row < 6 ? 0 : 2)
  const out = join(folder, 'runs')
  const of = async (kind: 'txt' | 'csv', list: string[], partition: string[]) => {
    const root = join(folder, kind)
    for (const row of rows) await write(join(root, 'img_align_celeba', face(row)), await picture(row))
    const files = [
      await write(join(root, `list_attr_celeba.${kind}`), `${list.join('\n')}\n`),
      await write(join(root, `list_eval_partition.${kind}`), `${partition.join('\n')}\n`),
    ]
    return dataset(out, { path: root, test: root, label: 'Male', groups: ['Smiling'] }, files)
  }
  return [
    await of(
      'txt',
      [`${rows.length}`, attributes.join(' '), ...rows.map(row => `${face(row)} ${values(row).join(' ')}`)],
      rows.map(row => `${face(row)} ${part(row)}`),
    ),
    await of(
      'csv',
      [`image_id,${attributes.join(',')}`, ...rows.map(row => `${face(row)},${values(row).join(',')}`)],
      ['image_id,partition', ...rows.map(row => `${face(row)},${part(row)}`)],
    ),
  ]
}

async function imagenet(folder: string): Promise<Sample[]> {
  const synsets = ['n01440764', 'n02012849']
  const numbers = `${synsets[1]} 1 crane\n${synsets[0]} 2 tench\n`
  const image = (row: number) => `ILSVRC2012_val_${String(row + 1).padStart(8, '0')}.JPEG`
  const of = (row: number) => synsets[row % 2]!
  const truths: Record<string, string[]> = {
    'LOC_val_solution.csv': [
      'ImageId,PredictionString',
      ...rows.map(row => `${image(row).slice(0, -5)},${of(row)} 1 2 3 4 `),
    ],
    'imagenet_2012_validation_synset_labels.txt': rows.map(of),
    'ILSVRC2012_validation_ground_truth.txt': rows.map(row => String(2 - (row % 2))),
  }
  const out = join(folder, 'runs')
  const samples: Sample[] = []
  for (const [name, lines] of Object.entries(truths)) {
    const root = join(folder, name)
    for (const row of rows) await write(join(root, 'val', image(row)), await picture(row, 'jpeg'))
    const files = [await write(join(root, name), lines.join('\n'))]
    if (name.startsWith('ILSVRC')) files.push(await write(join(root, 'map_clsloc.txt'), numbers))
    samples.push(dataset(out, { path: join(root, 'val') }, files))
  }
  const tiny = join(folder, 'tiny/val')
  for (const row of rows) await write(join(tiny, 'images', `val_${row}.JPEG`), await picture(row, 'jpeg'))
  const annotations = rows.map(row => `val_${row}.JPEG\t${of(row)}\t0\t0\t5\t5`)
  const files = [
    await write(join(tiny, 'val_annotations.txt'), annotations.join('\n')),
    await write(join(folder, 'tiny/words.txt'), synsets.map(id => `${id}\tname of ${id}`).join('\n')),
  ]
  return [...samples, dataset(out, { path: tiny }, files)]
}

async function imagesIn(folder: string): Promise<void> {
  for (const row of rows) await write(join(folder, `${row}.png`), await picture(row))
}

async function coco(folder: string): Promise<Sample[]> {
  await imagesIn(folder)
  const path = await write(
    join(folder, 'instances.json'),
    JSON.stringify({
      images: rows.map(id => ({ id, file_name: `${id}.png`, width: 6, height: 6 })),
      annotations: rows.map(id => ({ id, image_id: id, category_id: 1 + (id % 2), bbox: [0, 0, 3.5, 4] })),
      categories: classNames.map((name, index) => ({ id: index + 1, name })),
    }),
  )
  return [dataset(join(folder, 'runs'), { path }, [path])]
}

const labelStudioTasks = JSON.stringify(
  rows.map(row => ({
    id: row,
    data: { image: `${row}.png`, example_id: `e${row}`, given: nameOf(row) },
    annotations: [
      {
        completed_by: { id: 1, email: 'ada@host' },
        created_at: '2026-01-01T00:00:00.000000Z',
        result: [{ type: 'choices', value: { choices: [nameOf(row)] } }],
      },
    ],
  })),
)

async function labelStudio(folder: string): Promise<Sample[]> {
  await imagesIn(folder)
  const path = await write(join(folder, 'export.json'), labelStudioTasks)
  return [
    dataset(join(folder, 'runs'), { path }, [path]),
    {
      files: [path],
      async read() {
        // What is taken in must be what the log of decisions takes.
        const log = join(folder, 'decisions.jsonl')
        await writeFile(log, (await labelStudioDecisions(path)).map(formatEvent).join(''))
        await readDecisions(log)
      },
    },
  ]
}

async function imageFolderJson(folder: string): Promise<Sample[]> {
  await imagesIn(folder)
  const lines = rows.map(row =>
    JSON.stringify({ file_name: `${row}.png`, label: nameOf(row), score: row / 3 }),
  )
  const path = await write(join(folder, 'metadata.jsonl'), lines.join('\n'))
  return [dataset(join(folder, 'runs'), { path: folder }, [path])]
}

/** Small classifiers of the pictures, as other tools write them. */
function classifiers(): Record<string, Uint8Array> {
  const [side, classes] = [6, 2]
  const values = side * side * 3
  const weights = Float32Array.from({ length: values * classes }, (_, i) => ((i * 37) % 11) / 50 - 0.1)
  const flat = new GraphBuilder()
  const input = flat.input('picture', 'float32', ['batch', 3, side, side])
  const product = flat.node('Gemm', [
    flat.node('Flatten', [input]),
    flat.initializer('fc.weight', 'float32', [values, classes], weights),
    flat.initializer('fc.bias', 'float32', [classes], Float32Array.of(0.1, -0.1)),
  ])
  flat.output('scores', 'float32', ['batch', classes], flat.node('Softmax', [product], { axis: 1 }))

  const deep = new GraphBuilder()
  const bytes = deep.input('bytes', 'uint8', ['batch', side, side, 3])
  const floats = deep.node('Div', [deep.node('Cast', [bytes], { to: 1 }), deep.scalar(255)])
  const planes = deep.node('Transpose', [floats], { perm: [0, 3, 1, 2] })
  const kernel = Float32Array.from({ length: 4 * 3 * 9 }, (_, i) => ((i * 29) % 13) / 20 - 0.3)
  const filtered = deep.node(
    'Conv',
    [planes, deep.initializer('conv.weight', 'float32', [4, 3, 3, 3], kernel)],
    { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] },
  )
  const pooled = deep.node('Flatten', [deep.node('GlobalAveragePool', [deep.node('Relu', [filtered])])])
  const head = Float32Array.from({ length: 8 }, (_, i) => (i % 3) - 1)
  const logits = deep.node('Gemm', [pooled, deep.initializer('fc.weight', 'float32', [4, 2], head)])
  deep.output('logits', 'float32', ['batch', classes], logits)
  return { flat: flat.encode('flat', { classes: JSON.stringify(classNames) }), deep: deep.encode('deep', {}) }
}

const modelStages = stages.filter(({ name }) => name === 'ingest' || name === 'models')

async function onnx(folder: string): Promise<Sample[]> {
  const samples: Sample[] = []
  const columns: Columns = {
    image: [
      'image',
      await Promise.all(rows.map(async row => ({ bytes: await picture(row), path: `${row}.png` }))),
    ],
    label: ['text', rows.map(nameOf)],
  }
  const data = await writeColumns(join(folder, 'data.parquet'), columns)
  for (const [name, bytes] of Object.entries(classifiers())) {
    const models = join(folder, name)
    const file = await write(join(models, 'dense/0.onnx'), bytes)
    const out = join(folder, `runs-${name}`)
    samples.push({
      files: [file],
      async read() {
        const pipeline = resolvePipeline(
          {
            name: 'fuzz',
            dataset: { path: data },
            population: { models: { path: models, trainedOn: 'none' } },
          },
          folder,
        )
        const run = await runPipeline(pipeline, { stages: modelStages, fingerprint, out, workers: 1 })
        const { denseAccuracy } = run.manifest.stages[1]!.headline
        if (!(Number(denseAccuracy) >= 0 && Number(denseAccuracy) <= 1)) {
          throw new Inconsistent(`a model has the accuracy ${denseAccuracy}`)
        }
      },
    })
  }
  return samples
}

/** Predictions of eight examples, mostly right. */
const probabilities = rows.flatMap(row => (row % 2 === 0 ? [0.9 - row / 40, 0.1 + row / 40] : [0.2, 0.8]))

function predictions(out: string, options: ScorePredictionsOptions, files: readonly string[]): Sample {
  return {
    files,
    async read() {
      await rm(out, { recursive: true, force: true })
      try {
        const scored = await scorePredictions({ ...options, out })
        let count = 0
        for await (const batch of openTable(scored.files.find(file => file.endsWith('scores.parquet'))!)) {
          count += batch.numRows
          for (const quality of batch.getChild('label_quality')!) {
            if (!(quality >= 0 && quality <= 1)) throw new Inconsistent(`a label quality is ${quality}`)
          }
        }
        if (count !== scored.examples) throw new Inconsistent(`${count} rows of ${scored.examples} examples`)
        if (!(scored.accuracy >= 0 && scored.accuracy <= 1))
          throw new Inconsistent(`accuracy ${scored.accuracy}`)
      } catch (error) {
        const left = await readdir(out).catch(() => [])
        if (!(error instanceof Inconsistent) && left.length > 0) {
          throw new Inconsistent(`refused predictions left ${left.join(', ')}: ${error}`)
        }
        throw error
      }
    },
  }
}

async function predictionFiles(folder: string): Promise<Sample[]> {
  const at = (name: string) => join(folder, name)
  const labels = await write(at('labels.npy'), integersNpy(rows.map(row => (row === 3 ? 0 : row % 2))))
  const names = await write(at('names.npy'), textNpy(rows.map(nameOf)))
  const listed = await write(
    at('labels.csv'),
    `label,true_label\n${rows.map(row => `${nameOf(row)},cat`).join('\n')}\n`,
  )
  const floats = Float32Array.from(probabilities)
  const matrix = await write(at('matrix.npy'), npyBytes('<f4', [8, 2], floats))
  const turned = Float32Array.from(floats, (_, i) => floats[(i % 8) * 2 + (i >> 3)]!)
  const fortran = await write(at('fortran.npy'), npyBytes('<f4', [8, 2], turned, 'True'))
  const byClass = (column: number) => rows.map(row => probabilities[2 * row + column]!)
  const table = await writeColumns(at('table.parquet'), {
    cat: ['float', byClass(0)],
    dog: ['float', byClass(1)],
  })
  const arrow = await writeColumns(at('vectors.arrow'), { probabilities: [vectorType(2), floats] })
  const lines = rows.map(row => `${byClass(0)[row]},${byClass(1)[row]}`)
  const csv = await write(at('matrix.csv'), `cat,dog\n${lines.join('\n')}\n`)
  const members = Float32Array.from([...floats, ...floats.map(value => 1 - value), ...floats])
  const dense = await write(at('dense.npy'), npyBytes('<f4', [3, 8, 2], members))
  const sparse = await write(
    at('sparse.npy'),
    npyBytes(
      '<f4',
      [3, 8, 2],
      members.map(value => 1 - value),
    ),
  )
  const voted = rows.flatMap(row => [0, 1, 2].map(member => ({ row, member })))
  const votes = await writeColumns(at('votes.parquet'), {
    level: ['text', [...voted.map(() => 'dense'), ...voted.map(() => 'small')]],
    member: ['integer', [...voted, ...voted].map(({ member }) => member)],
    example_id: ['integer', [...voted, ...voted].map(({ row }) => row)],
    label: ['text', [...voted, ...voted].map(({ row }) => nameOf(row))],
    predicted: ['text', [...voted, ...voted].map(({ row }, at) => nameOf(at % 7 === 0 ? row + 1 : row))],
  })
  const out = at('scores')
  const populations = { dense, small: sparse }
  return [
    predictions(out, { matrix, labels }, [matrix, labels]),
    predictions(out, { matrix: fortran, labels: names, classNames }, [fortran, names]),
    predictions(out, { matrix: table, labels: listed }, [table, listed]),
    predictions(out, { matrix: arrow, labels }, [arrow]),
    predictions(out, { matrix: csv, labels: listed }, [csv, listed]),
    predictions(out, { matrix, form: 'logits', labels }, [matrix, labels]),
    predictions(out, { populations, labels }, [dense, sparse, labels]),
    predictions(out, { populations: votes, form: 'labels', labels: listed }, [votes]),
  ]
}

const decision = (row: number, rest: object) => ({
  id: `event-${row}`,
  example_id: `e${row}`,
  given: nameOf(row),
  reviewer: 'ada',
  time: '2026-01-01T00:00:00.000Z',
  ...rest,
})

async function decisions(folder: string): Promise<Sample[]> {
  const events = rows.map(row => {
    if (row === 5) return decision(row, { undoes: 'event-4' })
    if (row % 3 === 0) return decision(row, { action: 'relabel', label: nameOf(row + 1), kind: 'mislabeled' })
    return decision(row, { action: 'keep', note: 'is – what it “is”' })
  })
  const path = await write(
    join(folder, 'decisions.jsonl'),
    events.map(event => `${JSON.stringify(event)}\n`).join(''),
  )
  return [
    {
      files: [path],
      async read() {
        const log = await readDecisions(path)
        for (const { decision } of currentDecisions(log.events).values()) {
          if ((decision.action === 'relabel') !== (decision.label !== undefined))
            throw new Inconsistent('no label')
        }
      },
    },
  ]
}

async function smallPipeline(folder: string): Promise<string> {
  await write(join(folder, 'data.csv'), 'a\nb\nc\n')
  return write(
    join(folder, 'small.yaml'),
    'name: small\ndataset: { path: data.csv, testShare: 0.2 }\npopulation: { seeds: 3 }\n',
  )
}

const smallRun = async (folder: string) =>
  runPipeline(await loadPipeline(join(folder, 'small.yaml')), {
    stages: smallStages(),
    fingerprint: smallFingerprint,
    out: join(folder, 'runs'),
    workers: 1,
  })

async function manifests(folder: string): Promise<Sample[]> {
  await smallPipeline(folder)
  const run = await smallRun(folder)
  return [
    {
      files: [join(run.folder, 'manifest.json')],
      async read() {
        const out = join(folder, 'runs')
        await listRuns(join(out, 'small'))
        // Neither another version of the run nor none must stop what other runs are looked at with.
        await findRun(out).catch((error: unknown) => {
          if ((error as { exitCode?: number }).exitCode !== 2) throw error
        })
        const manifest = await readManifest(run.folder)
        const again = join(folder, 'again')
        await mkdir(again, { recursive: true })
        await writeManifest(again, manifest)
      },
    },
  ]
}

const shaOf = ({ stages }: Manifest) =>
  Object.fromEntries(stages.flatMap(({ files }) => files.map(({ path, sha256 }) => [path, sha256])))

/** Artefacts are made again, whatever happened to them. */
async function store(folder: string): Promise<Sample[]> {
  await smallPipeline(folder)
  const first = await smallRun(folder)
  const expected = shaOf(first.manifest)
  const root = join(folder, 'runs', storeName)
  const found = await readdir(root, { recursive: true, withFileTypes: true })
  const files = found
    .filter(entry => entry.isFile() && entry.parentPath !== root && !entry.parentPath.includes('.roots'))
    .map(entry => join(entry.parentPath, entry.name))
  const stored = await Promise.all(files.map(async file => [file, await readFile(file)] as const))
  // As after some days: files older than their inventories, of which only what is damaged is younger.
  const settle = async () => {
    for (const [file, bytes] of stored) {
      await write(file, bytes)
      const time = new Date(file.endsWith('artefact.json') ? '2026-01-02' : '2026-01-01')
      await utimes(file, time, time)
    }
  }
  await settle()
  return [
    {
      files,
      async read() {
        const run = await smallRun(folder)
        const sha = shaOf(run.manifest)
        for (const [path, hash] of Object.entries(expected)) {
          if (sha[path] !== hash) throw new Inconsistent(`the manifest has another hash of ${path}`)
          if ((await hashOfFile(join(run.folder, path))) !== hash)
            throw new Inconsistent(`${path} has other bytes`)
        }
        if (Object.keys(sha).length !== Object.keys(expected).length)
          throw new Inconsistent('files are missing')
        await rm(run.folder, { recursive: true })
        await settle()
      },
    },
  ]
}

async function states(folder: string): Promise<Sample[]> {
  const weights = [
    { name: 'conv/kernel', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: 'bias', shape: [2], data: Float32Array.of(0.5, -0.5) },
  ]
  const path = await write(join(folder, 'state.safetensors'), encodeState({ weights, momenta: weights }))
  return [
    {
      files: [path],
      async read() {
        const state = await readState(path)
        for (const { shape, data } of [...state.weights, ...state.momenta]) {
          if (data.length !== shape.reduce((product, size) => product * size, 1))
            throw new Inconsistent('shape')
        }
      },
    },
  ]
}

const fullPipeline = `# everything at once
name: full
dataset: &data
  path: data.csv
  testShare: 0.2
  label: label
  groups: [a, b]
model: { architecture: wrn-16-2, width: 0.5, epochs: 3, batchSize: 64, learningRate: 0.1 }
population: { seeds: 6, crossFit: 3, firstSeed: 1 }
compress:
  - { method: magnitude, sparsity: [0.3, 0.9], start: branch, begin: 0.4, end: 0.8, fineTuneEpochs: 1, distill: {} }
  - { method: filter, sparsity: 0.5, norm: l2, quantize: { method: int8-static, calibrationExamples: 32 } }
  - { method: first-order, sparsity: 0.7, preserve: class-balance, scope: layer }
  - { method: int4, block: 32 }
scoring: { decision: { rule: precision, precision: 0.8 }, alpha: 0.01, evidence: out-of-sample }
robustness: { corruptions: [fog, contrast], severities: [1, 5], examples: 20 }
retrain: { seeds: 2, arms: [all, cleaned, random-cleaned] }
inspect: { neighbors: 5 }
gates: [noiseRate < 2 %, 'top1[dense] >= 90 %', newIssues <= 10]
schedule: { cron: '0 3 * * *', timezone: Europe/Berlin }
keep: { runs: 30, days: 90 }
notify:
  - { to: webhook, url: 'https://host/hook', secret: { env: KEY }, on: [gate, failed] }
  - { to: command, command: [echo, hello], seconds: 5 }
seed: 7
`

async function pipelines(folder: string): Promise<Sample[]> {
  const sample = async (name: string, text: string): Promise<Sample> => {
    const path = await write(join(folder, name), text)
    return { files: [path], read: async () => void (await loadPipeline(path)) }
  }
  const published = new URL('../../pipelines/', import.meta.url).pathname
  const names = (await readdir(published)).filter(name => name.endsWith('.yaml'))
  const texts = await Promise.all(names.map(name => readFile(join(published, name), 'utf8')))
  return Promise.all([
    sample('full.yaml', fullPipeline),
    ...names.map((name, index) => sample(name, texts[index]!)),
  ])
}

const imageFormats: readonly ImageFormat[] = ['png', 'jpeg', 'webp', 'gif', 'tiff', 'avif']

export const formats: readonly FuzzedFormat[] = [
  { name: 'parquet', refusals: badData, samples: folder => tables(folder, 'parquet') },
  { name: 'arrow', refusals: badData, samples: folder => tables(folder, 'arrow') },
  { name: 'csv', refusals: badData, samples: csv },
  ...imageFormats.map(imageFolder),
  { name: 'cifar', refusals: badData, samples: cifar },
  { name: 'idx', refusals: badData, samples: idx },
  { name: 'npy', refusals: badData, samples: npy },
  { name: 'celeba', refusals: badData, samples: celeba },
  { name: 'imagenet', refusals: badData, samples: imagenet },
  { name: 'coco', refusals: badData, samples: coco },
  { name: 'label-studio', refusals: badData, samples: labelStudio },
  { name: 'imagefolder', refusals: badData, samples: imageFolderJson },
  { name: 'onnx', refusals: badData, samples: onnx },
  { name: 'predictions', refusals: badData, samples: predictionFiles },
  { name: 'decisions', refusals: [3], samples: decisions },
  { name: 'manifest', refusals: [4], samples: manifests },
  { name: 'store', refusals: noRefusal, samples: store },
  { name: 'training state', refusals: [3], samples: states },
  { name: 'pipeline', refusals: [2], samples: pipelines },
]
