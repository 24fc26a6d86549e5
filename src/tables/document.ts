/** `docs/tables.md`, from the schemas. `tsx src/tables/document.ts > docs/tables.md` writes it anew. */
import { pathToFileURL } from 'node:url'
import type { Field, Schema } from 'apache-arrow'
import {
  classesSchema,
  examplesSchema,
  inspectionSchema,
  levelsSchema,
  membersSchema,
  neighborsSchema,
  noiseSchema,
  overlapSchema,
  piesSchema,
  predictionsSchema,
  previewSchema,
  probabilitiesSchema,
  retrainSchema,
  robustnessSchema,
  scoresSchema,
  skippedSchema,
  stabilitySchema,
} from './schemas.js'

export interface DocumentedTable {
  readonly file: string
  readonly rows: string
  readonly schema: Schema
  /** Other forms it has, by the data and the pipeline. */
  readonly otherForms?: readonly Schema[]
}

// Levels, attributes and classes are the pipeline's: the page shows one of each.
export const levels = ['dense', 'magnitude-0.9']
const image = { kind: 'image' } as const
const features = { kind: 'features', features: 1 } as const

/** Every table of a run. */
export const tables: readonly DocumentedTable[] = [
  {
    file: 'examples.parquet',
    rows: 'One row an example: training rows first, in the order of the source, then test rows. `true_label` is there if the pipeline names one, a `group_…` for every subgroup attribute, `text` if examples have one that people see, and `features` (a list of floats) in place of `image` where the data are no images.',
    schema: examplesSchema({ content: image, groups: ['…'], trueLabel: true, text: true }),
    otherForms: [examplesSchema({ content: features, groups: [], trueLabel: false })],
  },
  {
    file: 'skipped.parquet',
    rows: 'One row an example that was left out because it is damaged.',
    schema: skippedSchema,
  },
  {
    file: 'preview.parquet',
    rows: 'One row a label issue by the dense members alone, most suspicious first, as soon as these are trained; not there where nothing is compressed.',
    schema: previewSchema,
  },
  {
    file: 'predictions/<level>.parquet',
    rows: 'One row a member and example, in the order of the examples, then by seed.',
    schema: predictionsSchema,
  },
  {
    file: 'probabilities/<level>.parquet',
    rows: 'One row an example, in the order of the examples; the list is as long as there are classes.',
    schema: probabilitiesSchema(10, true),
    otherForms: [probabilitiesSchema(10)],
  },
  { file: 'levels.parquet', rows: 'One row a level and split.', schema: levelsSchema },
  {
    file: 'classes.parquet',
    rows: 'One row a compressed level, split and class, and one more for every value of a subgroup attribute within the class.',
    schema: classesSchema,
  },
  {
    file: 'members.parquet',
    rows: 'One row a level, split and member; the list is as long as there are classes.',
    schema: membersSchema(10),
  },
  {
    file: 'overlap.parquet',
    rows: 'One row a pair of compressed levels, over the examples of all splits.',
    schema: overlapSchema,
  },
  {
    file: 'stability.parquet',
    rows: 'One row a compressed level and size of the populations: 5 members, 10, …, half of them, and all. Nothing for populations of a single member.',
    schema: stabilitySchema,
  },
  {
    file: 'noise.parquet',
    rows: 'One row a split and given class with its wrong labels, then one for each class that its examples likely are of, half an example or more.',
    schema: noiseSchema,
  },
  {
    file: 'scores.parquet',
    rows: 'One row an example, in the order of the examples. There is a `modal_…` and an `agreement_…` for every level, and an `is_pie_…` for every compressed one; here for `dense` and `magnitude-0.9`.',
    schema: scoresSchema(levels, { trueLabel: true }),
    otherForms: [scoresSchema(levels)],
  },
  {
    file: 'inspection.parquet',
    rows: 'One row an example, in the order of the examples. The columns from `width` to `entropy` are there for images; luminance is that of the image itself, scaled down to 128 pixels a side where it is larger.',
    schema: inspectionSchema(image),
    otherForms: [inspectionSchema(features)],
  },
  {
    file: 'neighbors.parquet',
    rows: 'One row an example and neighbour, in the order of the examples, nearest first. `features.npy` holds the features: float32 [examples, size], row for row with `examples.parquet`, each row of length 1.',
    schema: neighborsSchema,
  },
  {
    file: 'pies.parquet, pies.arrow',
    rows: 'One row an example that is a PIE at some level or a label issue, most suspicious first: the columns of `scores.parquet`, and the example itself.',
    schema: piesSchema(levels, { trueLabel: true, content: image, text: true }),
    otherForms: [piesSchema(levels, { content: features })],
  },
  {
    file: 'robustness.parquet',
    rows: 'A level after another; of each, one row a corruption and severity, one a corruption over its severities, one a natural set, then means over categories.',
    schema: robustnessSchema,
  },
  {
    file: 'retrain.parquet',
    rows: 'One row an arm and seed; then one row an arm, over its seeds.',
    schema: retrainSchema,
  },
]

/** The page, in Markdown. */
export function tablesDocument(): string {
  return `# The tables of a run

Each column's description is also in the files, as the \`description\` of the field's metadata. Beside the tables
below, \`splits/*.parquet\` have the columns of the source, and \`inputs.npy\` is a NumPy array whose row i is what
the networks see of row i of \`examples.parquet\`: bytes [examples, height, width, channels], or float32 [examples,
features]. On a backbone they see \`backbone.npy\` instead, float32 [examples, features].

This page is written by \`src/tables/document.ts\`; do not edit it by hand.

${tables.map(section).join('\n\n')}
`
}

function section({ file, rows, schema }: DocumentedTable): string {
  const cells = [['column', 'type', ''], ...schema.fields.map(cellsOf)]
  const widths = [0, 1, 2].map(column => Math.max(...cells.map(row => row[column].length)))
  const line = (row: readonly string[], fill: string) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column], fill)).join(' | ')} |`
  const [header, ...columns] = cells
  const table = [line(header, ' '), line(['', '', ''], '-'), ...columns.map(row => line(row, ' '))]
  return `## ${file}\n\n${rows}\n\n${table.join('\n')}`
}

function cellsOf({ name, type, nullable, metadata }: Field): string[] {
  const kind = `${typeName(String(type))}${nullable ? ', nullable' : ''}`
  return [`\`${name}\``, kind, String(metadata.get('description'))]
}

/** Arrow's name of a type, as its documentation spells it. */
function typeName(type: string): string {
  const vector = /^FixedSizeList\[(\d+)\]<(\w+)>$/.exec(type)
  if (vector !== null) return `fixed-size list&lt;${vector[2].toLowerCase()}&gt;`
  return type
    .toLowerCase()
    .replace(/^struct<\{(.*)\}>$/, (_, fields: string) => `struct{${fields.replaceAll(':', ': ')}}`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.stdout.write(tablesDocument())
