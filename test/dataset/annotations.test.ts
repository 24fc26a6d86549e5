import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { detectData } from '../../src/dataset/detect.js'
import { labelStudioDecisions } from '../../src/interop/label-studio-decisions.js'
import { failureOf, png, runIngest, temporaryFolder, writeBytes } from './data.js'

let folder: string
beforeAll(async () => {
  folder = await temporaryFolder()
  for (const [at, shade] of [0, 60, 120, 180].entries()) {
    const image = await png([shade])
    for (const place of ['train2017', 'val2017', 'images'])
      await writeBytes(join(folder, place, `${at}.png`), image)
  }
})

const coco = (changes: object = {}) =>
  JSON.stringify({
    images: [0, 1, 2, 3].map(id => ({ id, file_name: `${id}.png` })),
    annotations: [0, 1, 2, 3].map(id => ({ image_id: id, category_id: 1 + (id % 2) })),
    categories: [
      { id: 1, name: 'cat' },
      { id: 2, name: 'dog' },
    ],
    ...changes,
  })

const task = (at: number, ...annotations: object[]) => ({
  id: at,
  data: { image: `images/${at}.png` },
  annotations,
})
const chose = (...choices: string[]) => ({ result: [{ type: 'choices', value: { choices } }] })

test('COCO as it is published: annotations in a folder of their own, a file for each part', async () => {
  const place = join(folder, 'annotations')
  await writeBytes(join(place, 'instances_train2017.json'), coco())
  await writeBytes(join(place, 'instances_val2017.json'), coco())
  const places = await detectData(folder)
  expect(places).toEqual({
    path: join(place, 'instances_train2017.json'),
    test: join(place, 'instances_val2017.json'),
  })
  const { info, examples } = await runIngest(places)
  expect(info).toMatchObject({ classNames: ['cat', 'dog'], trainExamples: 4, testExamples: 4 })
  expect(examples[1]).toMatchObject({ label_name: 'dog', source: 'instances_train2017.json#1' })
})

test('files of annotations that are cut off or contradict themselves are named', async () => {
  const of = async (name: string, text: string) =>
    failureOf({ path: await writeBytes(join(folder, name), text) }, folder)
  const unknown = coco({ annotations: [{ image_id: 9, category_id: 1 }] })
  const several = coco({
    annotations: [0, 0, 1, 2, 3].map((id, at) => ({ image_id: id, category_id: 1 + (at % 2) })),
  })
  const disagreeing = [0, 1, 2, 3].map(at => task(at, chose('cat'), chose(at === 2 ? 'dog' : 'cat')))
  const elsewhere = [{ data: { image: 'https://host/1.png' }, annotations: [chose('cat')] }]
  expect(await of('cut.json', coco().slice(0, -9))).toBe(
    'exit 3: cut.json: the JSON is cut off\n  Export or fetch the file again.',
  )
  expect(await of('unknown.json', unknown)).toContain(
    'annotation 0 is of the image 9, which the file does not have',
  )
  expect(await of('several.json', several)).toContain(
    'several.json, row 0, key "label": it has several classes: cat, dog',
  )
  expect(await of('disagreeing.json', JSON.stringify(disagreeing))).toContain(
    'disagreeing.json, row 2, key "label": it has several classes: cat, dog',
  )
  expect(await of('elsewhere.json', JSON.stringify(elsewhere))).toContain('Nothing is fetched')
  expect(await of('images/metadata.jsonl', '{"file_name":"0.png","label":1}\n{"label":2}\n')).toContain(
    'images/metadata.jsonl, row 1, key "file_name": the line names no image',
  )
})

test('what people chose in Label Studio becomes decisions', async () => {
  const data = { image: 'x', example_id: 'a', given: 'cat' }
  const by = { completed_by: { email: 'ada@host' }, updated_at: '2026-01-01T00:00:00.123456Z' }
  const tasks = [
    { data, annotations: [{ ...by, ...chose('dog') }] },
    { data, annotations: [{ ...by, ...chose('cat') }] },
    { data, annotations: [{ completed_by: 7, was_cancelled: true, result: [] }] },
  ]
  const path = await writeBytes(join(folder, 'export.json'), JSON.stringify(tasks))
  expect(await labelStudioDecisions(path)).toMatchObject([
    { action: 'relabel', label: 'dog', reviewer: 'ada@host', example_id: 'a', given: 'cat' },
    { action: 'keep', reviewer: 'ada@host' },
    { action: 'unsure', reviewer: 'annotator 7' },
  ])
  await writeBytes(path, JSON.stringify([task(0, chose('cat'))]))
  await expect(labelStudioDecisions(path)).rejects.toThrow('the task does not say which example it is')
})
