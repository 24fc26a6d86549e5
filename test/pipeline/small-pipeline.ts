/** The small pipeline that tests of the runner run: three rows, three members. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Writes `small.yaml` and its data into a folder. */
export async function writeSmallPipeline(folder: string): Promise<void> {
  await writeFile(join(folder, 'data.csv'), 'a\nb\nc\n')
  await writeFile(
    join(folder, 'small.yaml'),
    'name: small\ndataset: { path: data.csv, testShare: 0.2 }\npopulation: { seeds: 3 }\n',
  )
}
