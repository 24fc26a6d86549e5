import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { planApply, writeApplied } from '../../src/apply/apply.js'
import { revertVersion } from '../../src/apply/revert.js'
import type { PipelineInput } from '../../src/pipeline/config.js'
import { openTable } from '../../src/pipeline/files.js'
import type { Decision } from '../../src/review/decisions.js'
import {
  imageColumns,
  png,
  rowsOf,
  runIngest,
  temporaryFolder,
  writeBytes,
  writeColumns,
} from '../dataset/data.js'
import { contentOf, type FinishedRun, finishedRun } from './finished-run.js'

let root: string
beforeAll(async () => {
  root = await temporaryFolder()
})

type DatasetInput = PipelineInput['dataset']
type Example = Readonly<Record<string, unknown>>

let events = 0
const decided = (
  example: Example,
  verdict: Pick<Decision, 'action' | 'label'>,
  reviewer = 'Ada',
): Decision => ({
  id: `event-${events++}`,
  example_id: String(example.example_id),
  given: String(example.label_name),
  reviewer,
  time: '2026-01-03T00:00:00.000Z',
  ...verdict,
})

/** Relabels the second and drops the third training example. */
function twoDecisions({ ingested: { examples, info } }: FinishedRun): Decision[] {
  const [, second, third] = examples
  const label = info.classNames.find(name => name !== second.label_name)!
  return [decided(second, { action: 'relabel', label }), decided(third, { action: 'drop' })]
}

async function writeLayout(
  name: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string> {
  for (const [path, content] of Object.entries(files)) await writeBytes(join(root, name, path), content)
  return join(root, name)
}

const shades = [10, 90, 170, 250, 40, 120]
const pngs = () => Promise.all(shades.map(shade => png([shade])))

interface LayoutCase {
  readonly dataset: DatasetInput
  /** Whether reverting gives the original's bytes, not only its rows. */
  readonly exact: boolean
}

const cases: Record<string, () => Promise<LayoutCase>> = {
  async folder() {
    const [a, b, c, d, e, f] = await pngs()
    const path = await writeLayout('folder', {
      'pets/cat/1.png': a,
      'pets/cat/deep/2.png': b,
      'pets/cat/3.png': c,
      'pets/dog/1.png': d,
      'pets/dog/2.png': e,
      'pets/dog/3.png': f,
    })
    return { dataset: { path: join(path, 'pets') }, exact: true }
  },
  async csv() {
    const text =
      '\uFEFF"size",label,note\r\n1,cat,"a, b"\r\n2,"dog, big",\r\n3,cat,x\r\n\r\n4,"dog, big","say ""hi"""\r\n5,cat,y'
    const path = await writeLayout('csv', { 'train.csv': text })
    return { dataset: { path: join(path, 'train.csv'), features: ['size'] }, exact: true }
  },
  async 'csv with semicolons'() {
    const text =
      '\uFEFFsize;label;note\r\n1,5;cat;"a; b"\r\n2;dog, big;\r\n3;cat;x\r\n4;dog, big;y\r\n5;cat;y\r\n'
    const path = await writeLayout('semicolons', { 'train.csv': text })
    return { dataset: { path: join(path, 'train.csv'), features: ['size'] }, exact: true }
  },
  async 'csv of paths'() {
    const images = await pngs()
    const files = Object.fromEntries(images.map((image, at) => [`images/${at}.png`, image]))
    const lines = images.map((_, at) => `images/${at}.png\t${at % 2}.0`)
    const path = await writeLayout('paths', { ...files, 'list.tsv': `file\tlabel\n${lines.join('\n')}\n` })
    return { dataset: { path: join(path, 'list.tsv') }, exact: true }
  },
  async parquet() {
    const columns = await imageColumns(3)
    const path = join(root, 'parquet')
    await mkdir(path)
    const metadata = { huggingface: '{"info":{}}' }
    await writeColumns(join(path, 'train-0.parquet'), columns, metadata)
    await writeColumns(join(path, 'train-1.parquet'), columns, metadata)
    await writeColumns(join(path, 'test-0.parquet'), columns, metadata)
    return {
      dataset: { path: join(path, 'train-*.parquet'), test: join(path, 'test-0.parquet') },
      exact: false,
    }
  },
  async arrow() {
    const path = join(root, 'arrow')
    await mkdir(path)
    await writeColumns(join(path, 'data.arrow'), {
      x: ['float', [1, 2, 3, 4, 5]],
      label: ['text', ['a', 'b', 'a', 'b', 'a']],
    })
    return { dataset: { path: join(path, 'data.arrow') }, exact: false }
  },
  async npy() {
    const path = await writeLayout('npy', {
      'x.npy': npy('<f4', '(5, 2)', new Uint8Array(Float32Array.from({ length: 10 }, (_, i) => i).buffer)),
      'y.npy': npy('<U3', '(5,)', words(['cat', 'dog', 'cat', 'dog', 'cat'])),
    })
    return { dataset: { path: join(path, 'x.npy') }, exact: true }
  },
  async cifar() {
    const record = (label: number, shade: number) => [label, ...new Array<number>(3072).fill(shade)]
    const path = await writeLayout('cifar', {
      'data_batch_1.bin': Uint8Array.from([record(0, 1), record(1, 2), record(0, 3)].flat()),
      'data_batch_2.bin': Uint8Array.from([record(1, 4), record(0, 5)].flat()),
      'test_batch.bin': Uint8Array.from([record(1, 6), record(0, 7)].flat()),
      'batches.meta.txt': 'cat\ndog\n',
    })
    return { dataset: { path, test: path }, exact: true }
  },
  async idx() {
    return {
      dataset: {
        path: await writeLayout(
          'idx',
          idxFiles(bytes => bytes, ''),
        ),
      },
      exact: true,
    }
  },
  async 'idx compressed'() {
    return { dataset: { path: await writeLayout('idx-gz', idxFiles(gzipSync, '.gz')) }, exact: false }
  },
  async coco() {
    const images = await pngs()
    const files = Object.fromEntries(images.map((image, at) => [`images/${at}.png`, image]))
    const content = {
      images: images.map((_, at) => ({ id: 10 + at, file_name: `${at}.png`, width: 4 })),
      annotations: [5, 0, 1, 2, 3, 4, 2].map((at, index) => ({
        id: index,
        image_id: 10 + at,
        bbox: [0, 0, 1.5, 2],
        category_id: at % 2 === 0 ? 7 : 3,
      })),
      categories: [
        { id: 0, name: 'everything' },
        { id: 7, name: 'cät' },
        { id: 3, name: 'dog' },
      ],
    }
    const path = await writeLayout('coco', { ...files, 'a.json': JSON.stringify(content, null, 2) })
    return { dataset: { path: join(path, 'a.json') }, exact: true }
  },
  async 'label studio'() {
    const images = await pngs()
    const files = Object.fromEntries(images.map((image, at) => [`0000000${at}-${at}.png`, image]))
    const tasks = images.map((_, at) => ({
      id: at + 1,
      data: { image: `/data/upload/1/0000000${at}-${at}.png` },
      annotations: [
        { was_cancelled: true, result: [] },
        {
          completed_by: 1,
          result: [{ type: 'choices', value: { choices: [at % 2 ? 'd"og' : 'cat'] }, to_name: 'image' }],
        },
      ],
    }))
    const path = await writeLayout('studio', { ...files, 'project-1.json': JSON.stringify(tasks) })
    return { dataset: { path: join(path, 'project-1.json') }, exact: true }
  },
  async imagefolder() {
    const images = await pngs()
    const files = Object.fromEntries(images.map((image, at) => [`train/${at}.png`, image]))
    const lines = images.map((_, at) => `{"file_name": "${at}.png",  "label": ${at % 2}, "by": {"x": "é"}}`)
    const path = await writeLayout('imagefolder', { ...files, 'train/metadata.jsonl': lines.join('\n') })
    return { dataset: { path: join(path, 'train') }, exact: true }
  },
}

function npy(type: string, shape: string, values: Uint8Array): Buffer {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117)
  return Buffer.concat([
    Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]),
    Buffer.from(`${header}\n`),
    values,
  ])
}

const words = (texts: readonly string[]): Uint8Array =>
  new Uint8Array(Uint32Array.from(texts.flatMap(text => [...text].map(c => c.codePointAt(0)!))).buffer)

function idxFiles(pack: (bytes: Uint8Array) => Uint8Array, ending: string): Record<string, Uint8Array> {
  const pixels = Array.from({ length: 5 * 4 }, (_, at) => at * 11)
  return {
    [`train-images-idx3-ubyte${ending}`]: pack(
      Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 2, ...pixels]),
    ),
    [`train-labels-idx1-ubyte${ending}`]: pack(Uint8Array.from([0, 0, 8, 1, 0, 0, 0, 5, 3, 4, 3, 4, 3])),
  }
}

/** What an example is whatever its place: its content and its label. */
const judged = (examples: readonly Example[]) =>
  examples
    .map(({ image, features, label_name }) => ({
      content: JSON.stringify(features ?? [...(image as { bytes: Uint8Array }).bytes]),
      label: String(label_name),
    }))
    .sort((a, b) => (a.content + a.label < b.content + b.label ? -1 : 1))

describe.each(Object.keys(cases))('%s', name => {
  test('takes the decisions, keeps all else, and is taken back', async () => {
    const { dataset, exact } = await cases[name]()
    const run = await finishedRun(dataset)
    const before = await contentOf(root)
    const output = join(await temporaryFolder(), 'new')
    const plan = await planApply(run, { events: twoDecisions(run) })
    const places = await writeApplied(plan, output, { copy: true })
    expect(await contentOf(root)).toEqual(before)

    const after = await runIngest({ ...dataset, ...places })
    const { examples, info } = run.ingested
    const label = info.classNames.find(other => other !== examples[1].label_name)!
    const expected = examples.map((example, at) => (at === 1 ? { ...example, label_name: label } : example))
    expect(judged(after.examples)).toEqual(judged(expected.filter((_, at) => at !== 2)))
    expect(after.info.classNames).toEqual(info.classNames)

    const reverted = join(output, '../old')
    await revertVersion(output, reverted, false)
    const original =
      dataset.path.includes('*') || /\.\w+$/.test(dataset.path) ? join(dataset.path, '..') : dataset.path
    const place =
      name === 'folder' || name === 'cifar' || name === 'imagefolder' || name.startsWith('idx') ? 1 : 0
    const folder = place === 1 ? join(reverted, original.split('/').at(-1)!) : reverted
    if (exact) expect(await contentOf(folder)).toEqual(await contentOf(original))
    else if (name === 'idx compressed') {
      for (const file of Object.keys(await contentOf(original))) {
        const [one, other] = await Promise.all([readFile(join(folder, file)), readFile(join(original, file))])
        expect(gunzipSync(one).equals(gunzipSync(other))).toBe(true)
      }
    } else {
      for (const file of Object.keys(await contentOf(original))) {
        expect(await rowsOf(openTable(join(folder, file)))).toEqual(
          await rowsOf(openTable(join(original, file))),
        )
      }
    }
  })
})
