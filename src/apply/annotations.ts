/** COCO, Label Studio and `metadata.jsonl`: values of labels are written over, all else of the JSON keeps its bytes. */
import { readFile } from 'node:fs/promises'
import { parseCoco } from '../dataset/coco.js'
import type { DatasetInfo } from '../dataset/info.js'
import type { SourceFile } from '../dataset/source.js'
import type { Change } from './changes.js'
import type { Edit } from './edits.js'
import { referencedImages } from './images.js'
import { beginning, type JsonMember, member, members, removals } from './json-spans.js'
import { changesByFile, checkLabel, type Layout } from './layout.js'

interface FileChanges {
  readonly file: SourceFile
  readonly json: Buffer
  readonly info: DatasetInfo
  /** By row. */
  readonly changes: ReadonlyMap<number, Change>
}

const rewriteAnnotations = (editsOf: (changes: FileChanges) => Edit[] | Promise<Edit[]>): Layout =>
  async function* (source, changes) {
    const byFile = changesByFile(changes)
    for (const file of source.files) {
      const own = byFile.get(file.name) ?? []
      if (own.length === 0) {
        yield { kind: 'same', from: file.path }
        continue
      }
      const json = await readFile(file.path)
      const byRow = new Map(own.map(change => [change.row, change]))
      const edits = await editsOf({ file, json, info: source.info, changes: byRow })
      yield { kind: 'edited', from: file.path, edits: edits.sort((a, b) => a.offset - b.offset) }
    }
    yield* referencedImages(source, changes)
  }

const nothing = new Uint8Array(0)

const without = (elements: readonly JsonMember[], goes: (index: number) => boolean): Edit[] =>
  removals(elements, goes).map(span => ({ ...span, bytes: nothing }))

const valueEdit = ({ value, end }: JsonMember, replacement: unknown): Edit => ({
  offset: value,
  length: end - value,
  bytes: Buffer.from(JSON.stringify(replacement)),
})

const parsed = (json: Buffer, { value, end }: JsonMember): unknown =>
  JSON.parse(json.toString('utf8', value, end))

export const rewriteCoco = rewriteAnnotations(async ({ file, json, info, changes }) => {
  const { images, annotations, categories } = await parseCoco(file)
  const changeOf = new Map(Array.from(changes, ([row, change]) => [images[row].id, change]))
  const idOf = new Map(categories.map(({ id, name }) => [name, id]))
  const goes = (id: number | string) => changeOf.get(id)?.to === null
  const root = beginning(json)
  const spansOf = (key: string) => members(json, member(json, root, key)!.value)
  const annotationSpans = spansOf('annotations')
  const relabeled = annotations.flatMap(({ image_id, category_id }, at) => {
    const change = changeOf.get(image_id)
    if (change === undefined || change.to === null) return []
    checkLabel(category_id === idOf.get(info.classNames[change.from]), file.path, change, 'category_id')
    const category = member(json, annotationSpans[at].value, 'category_id')!
    return [valueEdit(category, idOf.get(info.classNames[change.to]))]
  })
  return [
    ...relabeled,
    ...without(annotationSpans, at => goes(annotations[at].image_id)),
    ...without(spansOf('images'), at => goes(images[at].id)),
  ]
})

export const rewriteLabelStudio = rewriteAnnotations(({ file, json, info, changes }) => {
  const tasks = members(json, beginning(json))
  const relabeled = Array.from(changes, ([row, change]) =>
    change.to === null ? [] : choiceEdits(json, tasks[row], info, change, file.path),
  )
  return [...relabeled.flat(), ...without(tasks, row => changes.get(row)?.to === null)]
})

function choiceEdits(
  json: Buffer,
  task: JsonMember,
  { classNames }: DatasetInfo,
  change: Change,
  file: string,
): Edit[] {
  const edits: Edit[] = []
  for (const annotation of members(json, member(json, task.value, 'annotations')!.value)) {
    const cancelled = member(json, annotation.value, 'was_cancelled')
    if (cancelled !== undefined && parsed(json, cancelled) === true) continue
    for (const result of members(json, member(json, annotation.value, 'result')!.value)) {
      if (parsed(json, member(json, result.value, 'type')!) !== 'choices') continue
      const choices = member(json, member(json, result.value, 'value')!.value, 'choices')
      for (const choice of choices === undefined ? [] : members(json, choices.value)) {
        checkLabel(parsed(json, choice) === classNames[change.from], file, change, 'choices')
        edits.push(valueEdit(choice, classNames[change.to!]))
      }
    }
  }
  return edits
}

export const rewriteMetadata = rewriteAnnotations(({ file, json, info, changes }) => {
  const edits: Edit[] = []
  let row = -1
  for (let start = json[0] === 0xef ? 3 : 0; start < json.length; ) {
    const found = json.indexOf(0x0a, start)
    const end = found < 0 ? json.length : found + 1
    const line = json.toString('utf8', start, end)
    if (line.trim() !== '') row++
    const change = line.trim() === '' ? undefined : changes.get(row)
    if (change?.to === null) edits.push({ offset: start, length: end - start, bytes: nothing })
    else if (change !== undefined) {
      const object = start + line.length - line.trimStart().length
      const label = member(json, object, info.source.label)!
      const old = parsed(json, label)
      checkLabel(String(old) === String(info.classLabels[change.from]), file.path, change, info.source.label)
      const value = info.classLabels[change.to]
      edits.push(valueEdit(label, typeof old === 'number' ? Number(value) : String(value)))
    }
    start = end
  }
  return edits
})
