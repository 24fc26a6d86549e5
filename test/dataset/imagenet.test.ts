import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { detectData } from '../../src/dataset/detect.js'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { failureOf, png, runIngest, temporaryFolder, writeBytes } from './data.js'

let folder: string
beforeAll(async () => {
  folder = await temporaryFolder()
})

const at = (name: string) => join(folder, name)
const configOf = (dataset: PipelineInput['dataset']) => pipelineSchema.parse({ name: 'x', dataset }).dataset

const tench = 'n01440764'
const bird = 'n02012849'
const machine = 'n03126707'
const mapping = [`${tench} tench, Tinca tinca`, `${bird} crane`, `${machine} crane`].join('\n')
/** What the validation images 1 to 6 show. */
const truth = [machine, tench, tench, bird, machine, bird]
const names = ['tench', `crane (${bird})`, `crane (${machine})`]
const labels = truth.map(id => [tench, bird, machine].indexOf(id))
const valName = (index: number) => `ILSVRC2012_val_${String(index + 1).padStart(8, '0')}.JPEG`

async function writeTraining(root: string): Promise<void> {
  for (const [index, id] of [tench, bird, machine].entries()) {
    for (const image of [1, 2]) {
      await writeBytes(join(root, id, `${id}_${image}.JPEG`), await png([index * 10 + image]))
    }
  }
}

async function writeValidation(root: string, images = [...truth.keys()]): Promise<void> {
  for (const index of images) await writeBytes(join(root, valName(index)), await png([100 + index]))
}

/** The ground truth in one of the forms in which it is handed on. */
const groundTruths = {
  'LOC_val_solution.csv': [
    'ImageId,PredictionString',
    ...truth.map((id, index) => `${valName(index).slice(0, -5)},${id} 1 2 3 4 ${id} 5 6 7 8 `).toReversed(),
  ],
  'imagenet_2012_validation_synset_labels.txt': truth,
  // The kit's numbers follow an order of their own.
  'ILSVRC2012_validation_ground_truth.txt': truth.map(id => String([bird, machine, tench].indexOf(id) + 1)),
}
const numbers = [`${bird} 1 crane`, `${machine} 2 crane`, `${tench} 3 tench`].join('\n')

/** Folders as Kaggle's download has them. */
async function writeImageNet(name: string): Promise<string> {
  const root = at(name)
  const data = join(root, 'ILSVRC/Data/CLS-LOC')
  await writeTraining(join(data, 'train'))
  await writeValidation(join(data, 'val'))
  await writeBytes(join(data, 'test/ILSVRC2012_test_00000001.JPEG'), await png([1]))
  await writeBytes(join(root, 'ILSVRC/Annotations/CLS-LOC/val/x.xml'), '<annotation/>')
  await writeBytes(join(root, 'LOC_synset_mapping.txt'), `${mapping}\n`)
  await writeBytes(join(root, 'LOC_val_solution.csv'), groundTruths['LOC_val_solution.csv'].join('\n'))
  await writeBytes(join(root, 'LOC_sample_submission.csv'), 'ImageId,PredictionString\n')
  return root
}

test('class folders and validation images of the whole download, which init finds', async () => {
  const places = await detectData(await writeImageNet('imagenet'))
  const data = at('imagenet/ILSVRC/Data/CLS-LOC')
  expect(places).toEqual({ path: join(data, 'train'), test: join(data, 'val') })
  const { info, examples } = await runIngest(places)
  expect(info).toMatchObject({
    classNames: names,
    trainExamples: 6,
    testExamples: 6,
    source: { format: 'folder' },
  })
  expect(examples.map(row => row.label)).toEqual([0, 1, 2, 0, 1, 2, ...labels])
  expect(examples[7]).toMatchObject({ example_id: `val/${valName(1)}`, source: `val/${valName(1)}` })
})

describe.each(Object.entries(groundTruths))('ground truth as %s', (file, lines) => {
  test('labels the images', async () => {
    const path = at(`truth ${file}/val`)
    await writeValidation(path)
    await writeBytes(join(path, '..', file), lines.join('\n'))
    await writeBytes(join(path, '..', 'map_clsloc.txt'), numbers)
    const { examples, info } = await runIngest({ path })
    expect(info.classNames).toEqual(names)
    expect(examples.map(row => row.label)).toEqual(labels)
  })
})

test('some of the validation images keep their labels', async () => {
  const path = at('some/val')
  await writeValidation(path, [0, 1, 3, 4, 5])
  await writeBytes(at('some/imagenet_2012_validation_synset_labels.txt'), truth.join('\n'))
  const { examples } = await runIngest({ path })
  expect(examples.map(row => row.label_name)).toEqual([0, 1, 3, 4, 5].map(index => truth[index]))
})

test('the names of words.txt, apart by tabs, of many more synsets', async () => {
  const path = at('words/train')
  await writeTraining(path)
  const words = [`n00001740\tentity`, ...mapping.split('\n').map(line => line.replace(' ', '\t'))]
  await writeBytes(at('words/words.txt'), words.join('\n'))
  expect((await runIngest({ path })).info.classNames).toEqual(names)
})

test('without names, classes are called by their synsets', async () => {
  const path = at('bare/train')
  await writeTraining(path)
  expect((await runIngest({ path })).info.classNames).toEqual([tench, bird, machine])
})

test('Tiny ImageNet', async () => {
  const root = at('tiny-imagenet-200')
  for (const id of [tench, bird, machine]) {
    for (const image of [0, 1]) {
      await writeBytes(join(root, 'train', id, 'images', `${id}_${image}.JPEG`), await png([image]))
    }
    await writeBytes(join(root, 'train', id, `${id}_boxes.txt`), '')
  }
  for (const index of truth.keys())
    await writeBytes(join(root, `val/images/val_${index}.JPEG`), await png([index]))
  const annotations = truth.map((id, index) => `val_${index}.JPEG\t${id}\t0\t32\t44\t62`)
  await writeBytes(join(root, 'val/val_annotations.txt'), annotations.join('\n'))
  await writeBytes(join(root, 'test/images/test_0.JPEG'), await png([1]))
  await writeBytes(join(root, 'words.txt'), mapping.replaceAll(/ (?=[tc])/g, '\t'))
  const places = await detectData(root)
  expect(places).toEqual({ path: join(root, 'train'), test: join(root, 'val') })
  const { examples, info } = await runIngest(places)
  expect(info).toMatchObject({ classNames: names, trainExamples: 6 })
  expect(examples.slice(6).map(row => row.label)).toEqual(labels)
  expect(examples[6].source).toBe('val/images/val_0.JPEG')
})

test('the fingerprint is also that of the annotations', async () => {
  const root = await writeImageNet('print')
  const config = configOf({ path: join(root, 'ILSVRC/Data/CLS-LOC/val') })
  const before = await fingerprint(config)
  const lines = groundTruths['LOC_val_solution.csv']
  await writeBytes(
    join(root, 'LOC_val_solution.csv'),
    lines.with(1, lines[1].replaceAll(bird, tench)).join('\n'),
  )
  expect(await fingerprint(config)).not.toBe(before)
})

describe('bad files', () => {
  /** Validation images with a ground truth, and what else lies beside them. */
  async function validation(name: string, files: Readonly<Record<string, string>>) {
    await writeValidation(at(`${name}/val`))
    for (const [file, text] of Object.entries(files)) await writeBytes(at(`${name}/${file}`), text)
    return { path: at(`${name}/val`) }
  }

  const inOrder = 'imagenet_2012_validation_synset_labels.txt'
  const numbered = 'ILSVRC2012_validation_ground_truth.txt'
  const cases: [string, () => Promise<PipelineInput['dataset']>][] = [
    [
      'no-number',
      async () => {
        await writeBytes(at('no-number/val/extra.JPEG'), await png([1]))
        return validation('no-number', { [inOrder]: truth.join('\n') })
      },
    ],
    ['cut-off', () => validation('cut-off', { [inOrder]: truth.slice(0, 4).join('\n') })],
    ['no-synset', () => validation('no-synset', { [inOrder]: [...truth.slice(0, 3), 'n0201'].join('\n') })],
    [
      'image-not-named',
      () =>
        validation('image-not-named', {
          'LOC_val_solution.csv': groundTruths['LOC_val_solution.csv'].toSpliced(2, 1).join('\n'),
        }),
    ],
    ['no-numbers', () => validation('no-numbers', { [numbered]: groundTruths[numbered].join('\n') })],
    [
      'number-beyond',
      () =>
        validation('number-beyond', {
          [numbered]: groundTruths[numbered].with(2, '4').join('\n'),
          'map_clsloc.txt': numbers,
        }),
    ],
    [
      'bad-mapping',
      () =>
        validation('bad-mapping', {
          [inOrder]: truth.join('\n'),
          'LOC_synset_mapping.txt': `${mapping}\n1234`,
        }),
    ],
    [
      'no-truth',
      async () => {
        const root = await writeImageNet('no-truth')
        await rm(join(root, 'LOC_val_solution.csv'))
        return { path: join(root, 'ILSVRC/Data/CLS-LOC/val') }
      },
    ],
  ]
  test.each(cases)('%s', async (_, dataset) => {
    expect(await failureOf(await dataset(), folder)).toMatchSnapshot()
  })
})
