/**
 * Suspects as tasks of Label Studio: what the run suggests is a prediction, so that a person only confirms or chooses
 * otherwise. Format: labelstud.io/guide/tasks and /guide/predictions.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { DatasetInfo } from '../dataset/info.js'
import { openTable, writeText } from '../pipeline/files.js'
import { booleanColumn, float32Column, imageColumn, stringColumn } from '../tables/columns.js'
import { imageEnding } from './run-examples.js'

const columns = [
  'example_id',
  'split',
  'label_name',
  'suggested_label_name',
  'suggested_p',
  'label_quality',
  'is_label_issue',
  'image',
]

/**
 * Writes `tasks.json`, `labels.xml` (the labelling interface) and the pictures.
 * @param name of the folder as it will be called: pictures are addressed from the folder around it
 * @returns the number of tasks
 */
export async function exportLabelStudio(
  run: string,
  { classNames }: DatasetInfo,
  folder: string,
  name: string,
): Promise<number> {
  await mkdir(join(folder, 'images'), { recursive: true })
  const tasks: unknown[] = []
  for await (const batch of openTable(join(run, 'pies.parquet'), { columns })) {
    const [ids, splits, given, suggested] = ['example_id', 'split', 'label_name', 'suggested_label_name'].map(
      column => stringColumn(batch, column),
    )
    const [p, quality] = ['suggested_p', 'label_quality'].map(column => float32Column(batch, column))
    const isIssue = booleanColumn(batch, 'is_label_issue')
    for (const [row, image] of imageColumn(batch, 'image').entries()) {
      const bytes = image!.bytes!
      const file = `images/${String(tasks.length + 1).padStart(6, '0')}.${imageEnding(bytes)}`
      await writeFile(join(folder, file), bytes)
      tasks.push({
        data: {
          image: `/data/local-files/?d=${encodeURIComponent(basename(name))}/${file}`,
          example_id: ids[row],
          split: splits[row],
          given: given[row],
          label_quality: rounded(quality[row]),
          label_issue: isIssue[row] === 1,
        },
        predictions: [
          {
            model_version: 'pieline',
            score: rounded(p[row]),
            result: [
              {
                id: `suggestion-${tasks.length + 1}`,
                from_name: 'label',
                to_name: 'image',
                type: 'choices',
                value: { choices: [suggested[row]] },
              },
            ],
          },
        ],
      })
    }
  }
  await writeText(join(folder, 'tasks.json'), `${JSON.stringify(tasks, null, 1)}\n`)
  await writeText(join(folder, 'labels.xml'), labelingInterface(classNames))
  return tasks.length
}

const rounded = (value: number): number => Math.round(value * 1e4) / 1e4

function labelingInterface(classNames: readonly string[]): string {
  const choices = classNames.map(name => `    <Choice value="${attribute(name)}"/>`)
  return [
    '<View>',
    '  <Image name="image" value="$image"/>',
    '  <Text name="given" value="$given"/>',
    '  <Choices name="label" toName="image" choice="single" required="true">',
    ...choices,
    '  </Choices>',
    '</View>',
    '',
  ].join('\n')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const attribute = (text: string): string => text.replace(/[&<>"]/g, character => entities[character])
