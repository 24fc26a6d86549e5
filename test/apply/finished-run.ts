/** A finished run as `apply` sees it: really ingested, with scores that the test gives. */
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { type PipelineInput, pipelineSchema } from '../../src/pipeline/config.js'
import { writeTable } from '../../src/pipeline/files.js'
import { type Manifest, writeManifest } from '../../src/pipeline/manifest.js'
import type { Run } from '../../src/pipeline/runs.js'
import { recordBatch } from '../../src/tables/columns.js'
import { scoresSchema } from '../../src/tables/schemas.js'
import { type Ingested, runIngest } from '../dataset/data.js'

export interface FinishedRun extends Run {
  readonly ingested: Ingested
}

/** @param suggest class index and probability for an example that is a label issue; undefined for the others */
export async function finishedRun(
  dataset: PipelineInput['dataset'],
  suggest: (example: Readonly<Record<string, unknown>>) => [label: number, p: number] | undefined = () =>
    undefined,
): Promise<FinishedRun> {
  const ingested = await runIngest(dataset)
  const { folder, examples } = ingested
  const config = pipelineSchema.parse({ name: 'applied', dataset })
  const suggested = examples.map(suggest)
  const labels = Int32Array.from(examples, ({ label }) => label as number)
  // An array of its own for each column: the writer of Arrow streams takes one that comes twice for one.
  const halves = () => new Float32Array(examples.length).fill(0.5)
  const schema = scoresSchema(['dense'])
  const columns = {
    example_id: examples.map(({ example_id }) => String(example_id)),
    split: examples.map(({ split }) => String(split)),
    label: labels,
    modal_dense: labels.slice(),
    agreement_dense: halves(),
    pie_levels: new Int32Array(examples.length),
    disagreement: halves(),
    label_quality: halves(),
    is_label_issue: Uint8Array.from(suggested, found => (found === undefined ? 0 : 1)),
    issue_kind: suggested.map(found => (found === undefined ? null : 'wrong label')),
    suggested_label: suggested.map((found, row) => found?.[0] ?? labels[row]),
    suggested_p: Float32Array.from(suggested, found => found?.[1] ?? 1),
  }
  await writeTable(join(folder, 'scores.parquet'), schema, [recordBatch(schema, columns)])
  const manifest: Manifest = {
    format: 1,
    run: '20260102T030405.006Z',
    pipeline: 'applied',
    status: 'done',
    started: '2026-01-02T03:04:05.006Z',
    finished: '2026-01-02T03:05:05.006Z',
    process: { host: 'here', pid: 1 },
    versions: {},
    machine: { platform: 'linux-x64', processor: 'any', cores: 1 },
    workers: 1,
    seed: 0,
    memberSeeds: [0, 1],
    dataset: await fingerprint(config.dataset),
    config: config as unknown as Record<string, unknown>,
    stages: [],
  }
  await writeManifest(folder, manifest)
  return { folder, manifest, ingested }
}

/** SHA-256 of every file in a folder, by its path. */
export async function contentOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true })).sort()
  const files = await Promise.all(
    names.map(async name => {
      const path = join(folder, name)
      if (!(await stat(path)).isFile()) return []
      return [
        [
          name,
          createHash('sha256')
            .update(await readFile(path))
            .digest('hex'),
        ] as const,
      ]
    }),
  )
  return Object.fromEntries(files.flat())
}
