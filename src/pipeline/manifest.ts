/** `manifest.json`: what a run did, from which configuration and data, with which result. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { RunError } from '../errors.js'
import { inWords } from '../schema-words.js'
import { writeText } from './files.js'

const time = z.iso.datetime().describe('UTC, ISO 8601')
const hash = z.string().regex(/^[0-9a-f]{64}$/)

const file = z.strictObject({
  path: z.string().describe('within the run folder, with forward slashes'),
  bytes: z.number().int().min(0),
  sha256: hash,
})

const stage = z.strictObject({
  name: z.string(),
  key: hash.describe('names the artefact in the store: hash of everything that decides its bytes'),
  state: z.enum(['waiting', 'running', 'done', 'failed']),
  reused: z.boolean().describe('whether the artefact was there already'),
  seconds: z
    .number()
    .min(0)
    .nullable()
    .describe('wall-clock seconds that making the artefact took, in whichever run'),
  headline: z.record(z.string(), z.unknown()).describe('figures worth a line; empty until the stage is done'),
  files: z.array(file),
})

export const manifestSchema = z
  .strictObject({
    format: z.literal(1).describe('version of this schema'),
    run: z.string().describe('run id: the UTC time at which it started, sortable'),
    pipeline: z.string().describe('name of the pipeline'),
    status: z
      .enum(['running', 'done', 'failed', 'interrupted'])
      .describe('interrupted: stopped by its user, or killed; the same command goes on from there'),
    started: time,
    finished: time.nullable(),
    process: z.strictObject({ host: z.string(), pid: z.number().int() }).describe('who runs or ran it'),
    versions: z.record(z.string(), z.string()).describe('of pieline, node, and the libraries that compute'),
    machine: z.strictObject({
      platform: z.string().describe('operating system and instruction set, such as linux-x64'),
      processor: z.string(),
      cores: z.number().int().positive(),
    }),
    workers: z
      .number()
      .int()
      .positive()
      .describe('workers side by side; no byte of the result depends on it'),
    seed: z.number().int().describe('the seed behind every other'),
    memberSeeds: z.array(z.number().int()).describe('seeds of the members of each level'),
    dataset: z.string().describe('hash of the data that were read'),
    config: z
      .record(z.string(), z.unknown())
      .describe('the pipeline as resolved: all defaults, absolute paths'),
    stages: z.array(stage).describe('in the order in which they run'),
    error: z
      .strictObject({
        name: z.string(),
        message: z.string(),
        stage: z.string().optional().describe('the stage that failed'),
      })
      .optional()
      .describe('why the run failed or stopped'),
  })
  .describe('Manifest of a pieline run')

/** `manifest.json` of a run folder: pipeline, versions, stages with their headlines, and files with their hashes. */
export type Manifest = z.infer<typeof manifestSchema>
/** A stage in the manifest. */
export type StageRecord = Manifest['stages'][number]

/** The JSON schema of `manifest.json`, draft 2020-12. */
export function manifestJsonSchema(): unknown {
  return z.toJSONSchema(manifestSchema)
}

/** Reads the manifest of a run folder. Throws a {@link RunError} that names the file. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, 'manifest.json')
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new RunError(
      missing ? 'there is no such manifest' : `cannot be read: ${(cause as Error).message}`,
      {
        file: path,
        cause,
      },
    )
  }
  const result = manifestSchema.safeParse(value, inWords)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new RunError(`is not a manifest that this version understands: ${issue.message}`, {
    file: path,
    key: issue.path.join('.'),
  })
}

/** Replaces the manifest of a run folder at once. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const text = JSON.stringify(manifestSchema.parse(manifest), null, 2)
  await writeText(join(folder, 'manifest.json'), `${text}\n`)
}
