/** `stage.json`, beside the files in a stage's artefact: what the stage found, and what it used of the store. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const recordName = 'stage.json'

const recordSchema = z.object({
  headline: z.record(z.string(), z.unknown()),
  /** Wall-clock seconds that it took. */
  seconds: z.number(),
  /** Keys of the parts in the store that it was made with, in order; absent in artefacts of earlier versions. */
  uses: z.array(z.string()).optional(),
})

export type ArtefactRecord = z.infer<typeof recordSchema>

export async function readRecord(artefactFolder: string): Promise<ArtefactRecord> {
  return recordSchema.parse(JSON.parse(await readFile(join(artefactFolder, recordName), 'utf8')))
}

export async function writeRecord(artefactFolder: string, record: ArtefactRecord): Promise<void> {
  await writeFile(join(artefactFolder, recordName), `${JSON.stringify(record, null, 2)}\n`)
}
