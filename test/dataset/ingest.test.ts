import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Dictionary, Field, Float32, Int8, List, Utf8, vectorFromArray } from 'apache-arrow'
import { beforeAll, describe, expect, test } from 'vitest'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { imageColumns, png, runIngest, temporaryFolder, vector, writeBytes, writeColumns } from './data.js'

let folder: string
beforeAll(async () => {
  folder = await temporaryFolder()
})

const labels = ({ examples }: { examples: readonly Record<string, unknown>[] }) =>
  examples.map(row => row.label)

describe.each(['parquet', 'arrow'])('%s with Hugging Face images', format => {
  test('examples, pixels, classes', async () => {
    const columns = await imageColumns(10)
    const path = await writeColumns(join(folder, `train.${format}`), columns)
    const run = await runIngest({ path })
    expect(run.headline).toEqual({ examples: 20, trainExamples: 20, testExamples: 0, classes: 2, skipped: 0 })
    expect(run.shape).toEqual([20, 4, 4, 1])
    expect(run.inputs.filter((_, i) => i % 16 === 0)).toEqual(
      Uint8Array.from({ length: 20 }, (_, row) => (row % 2) * 128 + (row >> 1)),
    )
    expect(run.examples[3]).toMatchObject({
      example_id: '0003.png',
      split: 'train',
      label: 1,
      label_name: '1',
      source: `train.${format}#3`,
      source_row: 3,
    })
    const images = columns.image[1] as unknown as { bytes: Uint8Array }[]
    const { bytes } = run.examples[7].image as { bytes: Uint8Array }
    expect(Buffer.compare(bytes, images[7].bytes)).toBe(0)
  })

  test('training and test data, in this order, with ids that tell them apart', async () => {
    const columns = await imageColumns(6)
    const path = await writeColumns(join(folder, `a.${format}`), columns)
    const test = await writeColumns(join(folder, `b.${format}`), columns)
    const run = await runIngest({ path, test })
    expect(run.examples.map(row => row.split)).toEqual([
      ...Array<string>(12).fill('train'),
      ...Array<string>(12).fill('test'),
    ])
    expect(run.examples.filter(row => row.fold === null).map(row => row.split)).toEqual(
      Array<string>(12).fill('test'),
    )
    // Paths and pixels occur in both files.
    expect(run.info.ids).toBe('content')
    expect(new Set(run.examples.map(row => row.example_id)).size).toBe(24)
  })

  test('several shards by a glob, in the order of their names', async () => {
    const { image, label } = await imageColumns(4)
    const half = (begin: number) => ({
      image: ['image', (image[1] as never[]).slice(begin, begin + 4)] as const,
      label: ['integer', (label[1] as number[]).slice(begin, begin + 4)] as const,
    })
    await writeColumns(join(folder, `shard-00001.${format}`), half(4))
    await writeColumns(join(folder, `shard-00000.${format}`), half(0))
    const run = await runIngest({ path: join(folder, `shard-*.${format}`) })
    expect(run.examples.map(row => row.source)).toEqual([
      ...[0, 1, 2, 3].map(row => `shard-00000.${format}#${row}`),
      ...[0, 1, 2, 3].map(row => `shard-00001.${format}#${row}`),
    ])
    expect(run.examples.map(row => row.source_row)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })
})

describe('columns', () => {
  test('images as plain bytes; ids are then hashes of the content, told apart where it repeats', async () => {
    const bytes = await Promise.all([[1], [2], [1], [1], [3], [4]].map(colour => png(colour)))
    const path = await writeColumns(join(folder, 'binary.parquet'), {
      picture: ['binary', bytes],
      kind: ['text', ['x', 'y', 'x', 'x', 'y', 'y']],
    })
    const { info, examples } = await runIngest({ path, label: 'kind' })
    expect(info).toMatchObject({ classNames: ['x', 'y'], ids: 'content', source: { content: ['picture'] } })
    const ids = examples.map(row => String(row.example_id))
    expect(ids[2]).toBe(`${ids[0]}~2`)
    expect(ids[3]).toBe(`${ids[0]}~3`)
    expect(ids[1]).toMatch(/^[0-9a-f]{32}$/)
  })

  test('scalar features: all numeric columns without another role', async () => {
    const path = await writeColumns(join(folder, 'scalars.parquet'), {
      key: ['integer', [11, 12, 13, 14]],
      width: ['float', [1.5, 2.5, 3.5, 4.5]],
      note: ['text', ['a', 'b', 'c', 'd']],
      height: ['integer', [10, 20, 30, 40]],
      label: ['text', ['no', 'yes', 'no', 'yes']],
      __index_level_0__: ['integer', [0, 1, 2, 3]],
    })
    const { info, inputs, shape, examples } = await runIngest({ path, id: 'key' })
    expect(info.featureNames).toEqual(['width', 'height'])
    expect(shape).toEqual([4, 2])
    expect(inputs).toEqual(Float32Array.of(1.5, 10, 2.5, 20, 3.5, 30, 4.5, 40))
    expect(examples.map(row => row.example_id)).toEqual(['11', '12', '13', '14'])
    expect([...(examples[2].features as Iterable<number>)]).toEqual([3.5, 30])
    expect(info.normalization.mean).toEqual(Float32Array.of(3, 25))
    expect(info.normalization.deviation).toEqual(Float32Array.of(Math.sqrt(1.25), Math.sqrt(125)))
  })

  test('features as a list, of fixed size or not', async () => {
    const list = vectorFromArray(
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      new List(new Field('item', new Float32(), true)),
    )
    const label = ['integer', [0, 1, 0]] as const
    const fixed = await writeColumns(join(folder, 'fixed.parquet'), {
      embedding: [vector(2), Float32Array.of(1, 2, 3, 4, 5, 6)],
      label,
    })
    const loose = await writeColumns(join(folder, 'loose.parquet'), {
      embedding: [list.type, list.data[0]],
      label,
    })
    for (const path of [fixed, loose]) {
      const { inputs, info } = await runIngest({ path })
      expect(inputs).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6))
      expect(info.featureNames).toEqual(['embedding[0]', 'embedding[1]'])
    }
  })

  test('true labels, integers or names, with null for no class, and subgroups', async () => {
    const { image } = await imageColumns(3)
    const path = await writeColumns(join(folder, 'truth.parquet'), {
      image,
      label: ['text', ['a', 'b', 'a', 'b', 'a', 'b']],
      truth: ['text', ['a', 'b', 'b', null, 'a', 'b']],
      site: ['text', ['x', 'x', 'y', 'y', null, 'y']],
      age: ['integer', [1, 2, 3, 4, 5, 6]],
    })
    const { image: testImage, label } = await imageColumns(1)
    const testPath = await writeColumns(join(folder, 'truth-test.parquet'), {
      image: testImage,
      label: ['text', (label[1] as number[]).map(value => (value === 0 ? 'a' : 'b'))],
      site: ['text', ['x', 'y']],
      age: ['integer', [7, 8]],
    })
    const { examples } = await runIngest({
      path,
      test: testPath,
      trueLabel: 'truth',
      groups: ['site', 'age'],
    })
    expect(examples.map(row => row.true_label)).toEqual([0, 1, 1, -1, 0, 1, null, null])
    expect(examples.map(row => row.group_site)).toEqual(['x', 'x', 'y', 'y', null, 'y', 'x', 'y'])
    expect(examples[5].group_age).toBe('6')
  })
})

describe('classes', () => {
  async function classesOf(
    label: Parameters<typeof writeColumns>[1][string],
    config: object = {},
    metadata: Record<string, string> = {},
  ) {
    const count = label[1].length
    const values = Float64Array.from({ length: count }, (_, i) => i)
    const path = join(
      folder,
      `classes-${Math.abs(hash(JSON.stringify([config, metadata]) + label[1]))}.parquet`,
    )
    await writeColumns(path, { x: ['float', values], label }, metadata)
    return runIngest({ path, ...config })
  }
  const hash = (text: string) => [...text].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) | 0, 7)

  test('integers that are not 0 to n − 1 are classes in order', async () => {
    const run = await classesOf(['integer', [7, 3, 10, 3, 7, 10]])
    expect(run.info).toMatchObject({ classNames: ['3', '7', '10'], classLabels: [3, 7, 10] })
    expect(labels(run)).toEqual([1, 0, 2, 0, 1, 2])
  })

  test('whole floats are integers, as pandas makes them of integers with nulls', async () => {
    const run = await classesOf(['float', [1, 0, 1, 0]])
    expect(labels(run)).toEqual([1, 0, 1, 0])
  })

  test('names are in code-unit order, or in the order of classNames', async () => {
    const column = ['text', ['dog', 'cat', 'Ant', 'cat', 'dog', 'Ant']] as const
    expect((await classesOf(column)).info.classNames).toEqual(['Ant', 'cat', 'dog'])
    const declared = await classesOf(column, { classNames: ['dog', 'cat', 'Ant'] })
    expect(labels(declared)).toEqual([0, 1, 2, 1, 0, 2])
  })

  test('classNames name the indexes of integer labels', async () => {
    const run = await classesOf(['integer', [0, 1, 1, 0]], { classNames: ['off', 'on'] })
    expect(run.examples.map(row => row.label_name)).toEqual(['off', 'on', 'on', 'off'])
  })

  test('Hugging Face’s ClassLabel names are read from the file', async () => {
    const features = { label: { _type: 'ClassLabel', names: ['sea', 'land'] } }
    const run = await classesOf(
      ['integer', [1, 0, 1, 0]],
      {},
      {
        huggingface: JSON.stringify({ info: { features } }),
      },
    )
    expect(run.examples.map(row => row.label_name)).toEqual(['land', 'sea', 'land', 'sea'])
  })

  test('categories, as pandas and Polars write them', async () => {
    const names = vectorFromArray(['b', 'a', 'b', 'a'], new Dictionary(new Utf8(), new Int8()))
    const run = await classesOf([names.type, names.data[0]])
    expect(labels(run)).toEqual([1, 0, 1, 0])
  })
})

describe('image folder', () => {
  test('a class a folder, read in turn; nested files; other files passed over', async () => {
    const root = join(folder, 'pets')
    await writeBytes(join(root, 'cat', 'b.png'), await png([10]))
    await writeBytes(join(root, 'cat', 'a.PNG'), await png([11]))
    await writeBytes(join(root, 'cat', 'more', 'c.png'), await png([12]))
    await writeBytes(join(root, 'ant', 'z.png'), await png([20]))
    await writeBytes(join(root, 'ant', 'notes.txt'), 'not an image')
    await writeBytes(join(root, '.cache', 'x.png'), await png([30]))
    const run = await runIngest({ path: root })
    expect(run.info).toMatchObject({ classNames: ['ant', 'cat'], ids: 'path' })
    expect(run.examples.map(row => row.example_id)).toEqual([
      'pets/ant/z.png',
      'pets/cat/a.PNG',
      'pets/cat/b.png',
      'pets/cat/more/c.png',
    ])
    expect(run.inputs.filter((_, i) => i % 16 === 0)).toEqual(Uint8Array.of(20, 11, 10, 12))
  })
})

describe('CSV', () => {
  test('features, with quotes, CRLF and a byte order mark', async () => {
    const path = await writeBytes(
      join(folder, 'features.csv'),
      '\ufeff"a, b",b,label\r\n1,2.5e1,"the ""x"""\r\n-3,4,y\r\n5,6,y\r\n7,8,"the ""x"""\r\n',
    )
    const run = await runIngest({ path })
    expect(run.info).toMatchObject({ classNames: ['the "x"', 'y'], featureNames: ['a, b', 'b'] })
    expect(run.inputs).toEqual(Float32Array.of(1, 25, -3, 4, 5, 6, 7, 8))
    expect(run.examples[1].source).toBe('features.csv#1')
  })

  test('columns that people read are taken along, and none of them is learned from', async () => {
    const path = await writeBytes(
      join(folder, 'read.csv'),
      'title,body,year,x,label\nA,"one\ntwo",2001,1,a\n,,2002,2,b\n<b>,שלום,2003,3,a\n',
    )
    const of = async (text: string | string[]) => {
      const { examples, info } = await runIngest({ path, text, groups: ['title'] })
      expect(info).toMatchObject({ text: true, featureNames: text === 'body' ? ['year', 'x'] : ['x'] })
      return examples.map(row => row.text)
    }
    expect(await of('body')).toEqual(['one\ntwo', null, 'שלום'])
    expect(await of(['title', 'body', 'year'])).toEqual([
      'title: A\nbody: one\ntwo\nyear: 2001',
      'year: 2002',
      'title: <b>\nbody: שלום\nyear: 2003',
    ])
  })

  test('tab-separated, integer labels', async () => {
    const path = await writeBytes(join(folder, 'features.tsv'), 'x\tlabel\n1\t10\n2\t9\n3\t10\n')
    expect((await runIngest({ path })).info.classLabels).toEqual([9, 10])
  })

  test('semicolons and decimal commas, as spreadsheets of many countries write them', async () => {
    const path = await writeBytes(
      join(folder, 'semicolons.csv'),
      '\ufeffx;"y; z";label\r\n1,5;2;"a, b"\r\n-,25;1,5e1;c\r\n3.5;4;c\r\n',
    )
    const run = await runIngest({ path })
    expect(run.info).toMatchObject({ classNames: ['a, b', 'c'], featureNames: ['x', 'y; z'] })
    expect(run.inputs).toEqual(Float32Array.of(1.5, 2, -0.25, 15, 3.5, 4))
  })

  test.each(['|', '\t'])('fields between %j', async mark => {
    const rows = [
      ['x', 'label'],
      ['1', 'a'],
      ['2', 'b;c'],
      ['3', 'a'],
    ]
    const path = await writeBytes(
      join(folder, `${mark.charCodeAt(0)}.csv`),
      rows.map(row => row.join(mark)).join('\n'),
    )
    expect((await runIngest({ path })).info.classNames).toEqual(['a', 'b;c'])
  })

  test('a comma in the header decides, whatever else it holds', async () => {
    const path = await writeBytes(join(folder, 'commas.csv'), 'x;y|z,label\n1,a\n2,b\n')
    expect((await runIngest({ path })).info.featureNames).toEqual(['x;y|z'])
  })

  test('paths of images and labels', async () => {
    const root = join(folder, 'listed')
    await writeBytes(join(root, 'images', 'one.png'), await png([1]))
    await writeBytes(join(root, 'images', 'two.png'), await png([2]))
    await writeBytes(join(root, 'images', 'three.png'), await png([3]))
    const path = await writeBytes(
      join(root, 'labels.csv'),
      'file,label\nimages/two.png,b\nimages/one.png,a\nimages/three.png,a\n',
    )
    const run = await runIngest({ path })
    expect(run.examples.map(row => row.example_id)).toEqual([
      'images/two.png',
      'images/one.png',
      'images/three.png',
    ])
    expect(run.inputs.filter((_, i) => i % 16 === 0)).toEqual(Uint8Array.of(2, 1, 3))
  })
})

describe('pixels', () => {
  async function pixelsOf(images: readonly Buffer[], config: object = {}) {
    const root = await temporaryFolder()
    const path = await writeColumns(join(root, 'images.parquet'), {
      image: ['binary', images],
      label: ['integer', images.map((_, index) => index % 2)],
    })
    return runIngest({ path, ...config })
  }

  test('are of three channels as soon as one image has colour', async () => {
    const { shape, inputs, info } = await pixelsOf([await png([9]), await png([1, 2, 3]), await png([7])])
    expect(shape).toEqual([3, 4, 4, 3])
    expect([...inputs.subarray(0, 3), ...inputs.subarray(48, 51)]).toEqual([9, 9, 9, 1, 2, 3])
    expect(info.normalization.mean).toHaveLength(3)
  })

  test('are grey if the pipeline says so', async () => {
    const { shape, inputs } = await pixelsOf(
      [await png([255, 255, 255]), await png([0, 0, 0]), await png([0])],
      {
        channels: 1,
      },
    )
    expect(shape).toEqual([3, 4, 4, 1])
    expect([inputs[0], inputs[16]]).toEqual([255, 0])
  })

  test('are laid on white where they are transparent', async () => {
    const { inputs } = await pixelsOf([
      await png([0, 0, 0, 0]),
      await png([0, 0, 0, 255]),
      await png([0, 0, 0, 51]),
    ])
    expect([inputs[0], inputs[48], inputs[96]]).toEqual([255, 0, 204])
  })

  test('of different sizes become squares of the median of the shorter sides', async () => {
    const { shape, log } = await pixelsOf([
      await png([1], { width: 8, height: 20 }),
      await png([2], { width: 30, height: 12 }),
      await png([3], { width: 16, height: 16 }),
    ])
    expect(shape).toEqual([3, 12, 12, 1])
    expect(log).toEqual([
      'the images have 3 different sizes: they are resized to 12×12 pixels; set `dataset.size` for another size',
    ])
  })

  test('of large images become squares of 64, unless a size is asked for', async () => {
    const images = await Promise.all([1, 2, 3].map(v => png([v], { width: 100, height: 80 })))
    expect((await pixelsOf(images)).shape).toEqual([3, 64, 64, 1])
    expect((await pixelsOf(images, { size: 10 })).shape).toEqual([3, 10, 10, 1])
  })

  test('keep a size that all share, square or not', async () => {
    const images = await Promise.all([1, 2, 3].map(v => png([v], { width: 5, height: 3 })))
    const { shape, log } = await pixelsOf(images)
    expect(shape).toEqual([3, 3, 5, 1])
    expect(log).toEqual([])
  })

  test('are normalised by the training data alone', async () => {
    const root = await temporaryFolder()
    const train = await writeColumns(join(root, 'train.parquet'), {
      image: ['binary', [await png([0]), await png([255]), await png([51]), await png([204])]],
      label: ['integer', [0, 1, 0, 1]],
    })
    const test = await writeColumns(join(root, 'test.parquet'), {
      image: ['binary', [await png([7]), await png([8])]],
      label: ['integer', [0, 1]],
    })
    const { normalization } = (await runIngest({ path: train, test })).info
    expect(normalization.mean[0]).toBeCloseTo(0.5, 6)
    expect(normalization.deviation[0]).toBeCloseTo(Math.sqrt((0.25 + 0.09) / 2), 6)
  })
})

describe('which rows', () => {
  test('the limit takes the first rows of the training data', async () => {
    const path = await writeColumns(join(folder, 'limit.parquet'), await imageColumns(10))
    const run = await runIngest({ path, limit: 7 })
    expect(run.examples.map(row => row.source_row)).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  test('a test share is held out of each class; training rows keep the order of the source', async () => {
    const path = await writeColumns(join(folder, 'share.parquet'), await imageColumns(10))
    const run = await runIngest({ path, testShare: 0.2 })
    expect(run.headline).toMatchObject({ trainExamples: 16, testExamples: 4 })
    const test = run.examples.slice(16)
    expect(test.map(row => row.split)).toEqual(['test', 'test', 'test', 'test'])
    expect(test.filter(row => row.label === 1)).toHaveLength(2)
    const rows = run.examples.map(row => row.source_row as number)
    expect(rows.slice(0, 16)).toEqual(rows.slice(0, 16).toSorted((a, b) => a - b))
    expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i))
    // The inputs go along with their rows.
    expect(run.inputs.filter((_, i) => i % 16 === 0)).toEqual(
      Uint8Array.from(rows, row => (row % 2) * 128 + (row >> 1)),
    )
  })

  test('bad examples are skipped and listed, and the folds stay balanced', async () => {
    const { image, label } = await imageColumns(8)
    const images = [...(image[1] as unknown as { bytes: Buffer | null; path: string }[])]
    images[3] = { ...images[3], bytes: Buffer.from('no image') }
    images[5] = { ...images[5], bytes: null }
    images[6] = { ...images[6], bytes: images[6].bytes!.subarray(0, 60) }
    const given = [...(label[1] as (number | null)[])]
    given[9] = null
    const path = await writeColumns(join(folder, 'skip.parquet'), {
      image: ['image', images],
      label: ['integer', given],
    })
    const run = await runIngest({ path, onBadExample: 'skip' })
    expect(run.headline).toMatchObject({ trainExamples: 12, skipped: 4 })
    expect(run.skipped).toEqual([
      { file: 'skip.parquet', row: 3, reason: 'this is no image of a known format' },
      { file: 'skip.parquet', row: 5, reason: 'the image has no bytes' },
      { file: 'skip.parquet', row: 6, reason: 'the image cannot be decoded: it is cut off or damaged' },
      { file: 'skip.parquet', row: 9, reason: 'the label is missing' },
    ])
    expect(run.examples.map(row => row.source_row)).toEqual([0, 1, 2, 4, 7, 8, 10, 11, 12, 13, 14, 15])
    expect(run.log).toEqual(['4 bad examples skipped: skipped.parquet'])
  })

  test('the same data and seed give the same bytes', async () => {
    const path = await writeColumns(join(folder, 'same.parquet'), await imageColumns(20))
    const [once, again] = [
      await runIngest({ path, testShare: 0.1 }),
      await runIngest({ path, testShare: 0.1 }),
    ]
    for (const name of ['examples.parquet', 'inputs.npy', 'dataset.json', 'skipped.parquet']) {
      const [a, b] = await Promise.all([once, again].map(run => readFile(join(run.folder, name))))
      expect(Buffer.compare(a, b), name).toBe(0)
    }
    const other = await runIngest({ path, testShare: 0.1 }, { seed: 1 })
    expect(other.examples.map(row => row.fold)).not.toEqual(once.examples.map(row => row.fold))
  })
})

describe('fingerprint', () => {
  const of = (dataset: object) =>
    fingerprint(pipelineSchema.parse({ name: 'x', dataset: { path: '', ...dataset } }).dataset)

  test('changes with the bytes, not with the place', async () => {
    const content = 'x,label\n1,0\n2,1\n'
    const a = await writeBytes(join(folder, 'one', 'data.csv'), content)
    const b = await writeBytes(join(folder, 'two', 'data.csv'), content)
    const c = await writeBytes(join(folder, 'three', 'data.csv'), content.replace('2', '3'))
    expect(await of({ path: a })).toBe(await of({ path: b }))
    expect(await of({ path: a })).not.toBe(await of({ path: c }))
    expect(await of({ path: a })).not.toBe(await of({ path: a, test: b }))
  })

  test('takes test data that lack the true label', async () => {
    const path = await writeBytes(join(folder, 'truth', 'train.csv'), 'x,label,truth\n1,0,0\n2,1,1\n')
    const test = await writeBytes(join(folder, 'truth', 'test.csv'), 'x,label\n1,0\n2,1\n')
    expect(await of({ path, test, trueLabel: 'truth' })).toMatch(/^[0-9a-f]{64}$/)
  })

  test('takes in the images of folders and of CSV files of paths', async () => {
    const root = join(folder, 'hashed')
    await writeBytes(join(root, 'a', '1.png'), await png([1]))
    await writeBytes(join(root, 'b', '2.png'), await png([2]))
    const csv = await writeBytes(join(root, 'labels.csv'), 'path,label\na/1.png,a\nb/2.png,b\n')
    const before = [await of({ path: root, format: 'folder' }), await of({ path: csv })]
    await writeBytes(join(root, 'b', '2.png'), await png([3]))
    const after = [await of({ path: root, format: 'folder' }), await of({ path: csv })]
    expect(after[0]).not.toBe(before[0])
    expect(after[1]).not.toBe(before[1])
  })
})
