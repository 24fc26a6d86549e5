/**
 * Suspects as images of CVAT with a tag each, in its format "CVAT for images 1.1"
 * (docs.cvat.ai/docs/dataset_management/formats/format-cvat), and what people made of the tags.
 *
 * The tag of an image is its given label: CVAT does not tell a tag that somebody looked at from one that nobody did, and
 * so nothing changes that nobody touched. What the run suggests is an attribute of the tag, shown beside it.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { readHeader } from '../dataset/images.js'
import type { DatasetInfo } from '../dataset/info.js'
import { DataError } from '../errors.js'
import { openTable, writeText } from '../pipeline/files.js'
import type { Decision } from '../review/decisions.js'
import { imageColumn, stringColumn } from '../tables/columns.js'
import { imageEnding } from './run-examples.js'
import { escapeXml, readXml, type XmlElement } from './xml.js'

const suggestion = 'suggested'

/** The names of images tell their place among the suspects, from 1. */
const nameOf = (rank: number, ending: string): string => `${String(rank).padStart(6, '0')}.${ending}`

interface Suspect {
  readonly id: string
  readonly given: string
  readonly suggested: string
  readonly image: Uint8Array
}

/** The suspects of a run that have a picture, most suspicious first, by their rank. */
async function* suspectsOf(run: string, withImages: boolean): AsyncGenerator<[rank: number, Suspect]> {
  const columns = ['example_id', 'label_name', 'suggested_label_name', ...(withImages ? ['image'] : [])]
  let rank = 0
  for await (const batch of openTable(join(run, 'pies.parquet'), { columns })) {
    const [ids, given, suggested] = columns.slice(0, 3).map(column => stringColumn(batch, column))
    const images = withImages ? imageColumn(batch, 'image') : []
    for (const [row, id] of ids.entries()) {
      rank++
      const image = images[row]?.bytes ?? new Uint8Array()
      yield [rank, { id, given: given[row], suggested: suggested[row], image }]
    }
  }
}

/**
 * Writes `images/`, `annotations.xml` and `labels.json`, which CVAT's "raw" editor of labels takes.
 * @returns the number of images
 */
export async function exportCvat(run: string, { classNames }: DatasetInfo, folder: string): Promise<number> {
  await mkdir(join(folder, 'images'))
  const images: string[] = []
  let count = 0
  for await (const [rank, { given, suggested, image }] of suspectsOf(run, true)) {
    const name = nameOf(rank, imageEnding(image))
    const { width, height } = await readHeader(image)
    await writeFile(join(folder, 'images', name), image)
    count++
    images.push(
      `  <image id="${rank - 1}" name="${name}" width="${width}" height="${height}">`,
      `    <tag label="${escapeXml(given)}" source="auto">`,
      `      <attribute name="${suggestion}">${escapeXml(suggested)}</attribute>`,
      '    </tag>',
      '  </image>',
    )
  }
  const attributes = [{ name: suggestion, input_type: 'text', mutable: false, values: [''] }]
  const labels = classNames.map(name => ({ name, type: 'tag', attributes }))
  await writeText(join(folder, 'labels.json'), `${JSON.stringify(labels, null, 1)}\n`)
  await writeText(join(folder, 'annotations.xml'), annotationsXml(classNames, images))
  return count
}

function annotationsXml(classNames: readonly string[], images: readonly string[]): string {
  const attribute = `<attribute><name>${suggestion}</name><mutable>False</mutable><input_type>text</input_type></attribute>`
  const labels = classNames.map(
    name =>
      `      <label><name>${escapeXml(name)}</name><type>tag</type><attributes>${attribute}</attributes></label>`,
  )
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<annotations>',
    '  <version>1.1</version>',
    '  <meta><task><mode>annotation</mode><labels>',
    ...labels,
    '  </labels></task></meta>',
    ...images,
    '</annotations>',
    '',
  ].join('\n')
}

/**
 * One decision for each image whose tag is no more the given label: another tag is a new label, no tag at all is unsure.
 * @throws DataError if the file is no such export, or its images are not those of the run's suspects
 */
export async function cvatDecisions(run: string, path: string): Promise<Decision[]> {
  const root = readXml(await readFile(path, 'utf8'), path)
  if (root.name !== 'annotations') {
    throw new DataError('this is no export of CVAT', {
      file: path,
      mend: 'Export the task as "CVAT for images 1.1".',
    })
  }
  const images = root.children.filter(({ name }) => name === 'image')
  const tagged = new Map(images.map(image => [rankOf(image, path), image]))
  const time = timeOf(root)
  const decisions: Decision[] = []
  for await (const [rank, { id, given }] of suspectsOf(run, false)) {
    const image = tagged.get(rank)
    if (image === undefined) continue
    tagged.delete(rank)
    const labels = new Set(
      image.children.filter(({ name }) => name === 'tag').map(tag => tag.attributes.label),
    )
    const [label] = labels
    if (labels.size > 1) {
      throw new DataError(`the image has several tags: ${[...labels].join(', ')}`, {
        file: path,
        key: image.attributes.name!,
        mend: 'Leave one.',
      })
    }
    if (label === given) continue
    decisions.push({
      id: `cvat-${rank}`,
      example_id: id,
      given,
      reviewer: 'CVAT',
      time,
      note: basename(path),
      ...(label === undefined
        ? { action: 'unsure' as const }
        : { action: 'relabel' as const, label, kind: 'mislabeled' as const }),
    })
  }
  const [strange] = tagged.values()
  if (strange !== undefined) throw notOurs(strange, path)
  return decisions
}

function rankOf(image: XmlElement, path: string): number {
  const rank = /^(?:.*\/)?(\d{6,})\.\w+$/.exec(image.attributes.name ?? '')?.[1]
  if (rank === undefined) throw notOurs(image, path)
  return Number(rank)
}

const notOurs = ({ attributes: { name = '?' } }: XmlElement, path: string): DataError =>
  new DataError('the image is none of the suspects of this run', {
    file: path,
    key: name,
    mend: 'Name the run whose "pieline export --to cvat" wrote the images.',
  })

/** When CVAT wrote the file, as it says; the epoch where it does not. */
function timeOf(root: XmlElement): string {
  const dumped = root.children
    .find(({ name }) => name === 'meta')
    ?.children.find(({ name }) => name === 'dumped')?.text
  const time = new Date(dumped ?? 0)
  return (Number.isNaN(time.getTime()) ? new Date(0) : time).toISOString()
}
