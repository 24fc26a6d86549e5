/** Run folders with the tables that are compared, written from a few facts about each example. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeDatasetInfo } from '../../src/dataset/info.js'
import { writeTable, writeText } from '../../src/pipeline/files.js'
import type { Manifest } from '../../src/pipeline/manifest.js'
import type { Run } from '../../src/pipeline/runs.js'
import { recordBatch } from '../../src/tables/columns.js'
import { examplesSchema, inspectionSchema, membersSchema, scoresSchema } from '../../src/tables/schemas.js'

export interface DrawnExample {
  readonly id: string
  readonly split?: 'train' | 'test'
  /** Class index. */
  readonly label: number
  /** Stands for the picture; 0 to 1. */
  readonly brightness?: number
  readonly quality?: number
  readonly issue?: boolean
  readonly pie?: boolean
}

export interface DrawnRun {
  readonly folder: string
  readonly name: string
  readonly classNames: readonly string[]
  readonly examples: readonly DrawnExample[]
  /** Accuracy of each member. */
  readonly dense: readonly number[]
  readonly wrongLabels: { readonly count: number; readonly low: number; readonly high: number }
  readonly config?: Readonly<Record<string, unknown>>
  readonly ids?: 'column' | 'path' | 'content'
}

const level = 'magnitude-0.9'

export async function writeRun(run: DrawnRun): Promise<Run> {
  const { folder, classNames, examples } = run
  await mkdir(folder, { recursive: true })
  const of = <T>(value: (example: DrawnExample) => T) => examples.map(value)
  const ints = (value: (example: DrawnExample) => number) => Int32Array.from(examples, value)
  const floats = (value: (example: DrawnExample) => number) => Float32Array.from(examples, value)
  const ids = of(({ id }) => id)
  const split = of(example => example.split ?? 'train')
  // A new array each time: Arrow's writer loses one of two columns that share their memory.
  const labels = () => ints(example => example.label)
  const brightness = floats(example => example.brightness ?? 0.5)
  const write = (name: string, schema: Parameters<typeof recordBatch>[0], columns: object) =>
    writeTable(join(folder, `${name}.parquet`), schema, [recordBatch(schema, columns as never)])

  await write('examples', examplesSchema({ content: { kind: 'image' }, groups: [], trueLabel: false }), {
    example_id: ids,
    split,
    fold: of(() => null),
    label: labels(),
    label_name: of(example => classNames[example.label]!),
    source: ids,
    source_row: ints(() => 0),
    image: ids.map((_, at) => ({ bytes: new Uint8Array(brightness.slice(at, at + 1).buffer), path: null })),
  })
  const suggested = ints(example => (example.issue ? (example.label + 1) % classNames.length : example.label))
  await write('scores', scoresSchema(['dense', level]), {
    example_id: ids,
    split,
    label: labels(),
    modal_dense: labels(),
    agreement_dense: floats(() => 1),
    [`modal_${level}`]: labels(),
    [`agreement_${level}`]: floats(() => 1),
    [`is_pie_${level}`]: Uint8Array.from(examples, ({ pie }) => (pie ? 1 : 0)),
    pie_levels: ints(({ pie }) => (pie ? 1 : 0)),
    disagreement: floats(() => 0),
    label_quality: floats(({ quality }) => quality ?? 0.9),
    is_label_issue: Uint8Array.from(examples, ({ issue }) => (issue ? 1 : 0)),
    issue_kind: of(({ issue }) => (issue ? 'wrong label' : null)),
    suggested_label: suggested,
    suggested_p: floats(() => 0.9),
  })
  const nothing = of(() => null)
  await write('inspection', inspectionSchema({ kind: 'image' }), {
    example_id: ids,
    split,
    width: ints(() => 28),
    height: ints(() => 28),
    brightness,
    darkest: floats(() => 0),
    brightest: floats(() => 1),
    contrast: floats(() => 0.3),
    blur: nothing,
    entropy: floats(() => 1),
    duplicate_group: nothing,
    neighbor_distance: nothing,
    outlier_score: nothing,
    neighbor_agreement: nothing,
    neighbor_label: nothing,
    neighbor_label_share: nothing,
    first_label: labels(),
    first_p: floats(() => 1),
    second_label: labels(),
    second_p: floats(() => 0),
    hints: of(() => []),
  })
  const tests = split.filter(name => name === 'test').length
  const audited = tests > 0 ? 'test' : 'train'
  const recalls = new Float32Array(run.dense.length * classNames.length)
  await write('members', membersSchema(classNames.length), {
    level: run.dense.map(() => 'dense'),
    split: run.dense.map(() => audited),
    seed: Int32Array.from(run.dense.keys()),
    top1: [...run.dense],
    top5: run.dense.map(() => null),
    recalls,
  })
  await writeText(
    join(folder, 'dataset.json'),
    encodeDatasetInfo({
      classNames: [...classNames],
      classLabels: [...classNames],
      input: { kind: 'image', height: 28, width: 28, channels: 1 },
      normalization: { mean: Float32Array.of(0), deviation: Float32Array.of(1) },
      trainExamples: examples.length - tests,
      testExamples: tests,
      classCounts: classNames.map(() => 0),
      skipped: 0,
      source: { format: 'parquet', columns: ['image', 'label'], label: 'label', content: ['image'] },
      featureNames: [],
      groups: [],
      trueLabel: false,
      ids: run.ids ?? 'column',
    }),
  )
  return { folder, manifest: manifestOf(run) }
}

function manifestOf({ name, config = {}, wrongLabels }: DrawnRun): Manifest {
  const headline = { levels: [], labelIssues: 0, wrongLabels }
  const stage = { key: '0'.repeat(64), state: 'done' as const, reused: false, seconds: 1, files: [] }
  return {
    format: 1,
    run: '20260101T000000.000Z',
    pipeline: name,
    status: 'done',
    started: '2026-01-01T00:00:00.000Z',
    finished: '2026-01-01T00:00:01.000Z',
    process: { host: 'here', pid: 1 },
    versions: { pieline: '0.1.0' },
    machine: { platform: 'linux-x64', processor: 'any', cores: 1 },
    workers: 1,
    seed: 0,
    memberSeeds: [0],
    dataset: 'none',
    config: { name, ...config },
    stages: [{ name: 'score', headline, ...stage }],
  }
}
