/** Worker thread: some rows of the inputs, corrupted in one way, from file to file. */
import { corrupt } from '../corruptions/corruptions.js'
import type { CorruptionName } from '../corruptions/names.js'
import type { PictureShape } from '../corruptions/picture.js'
import type { Severity } from '../corruptions/severity.js'
import { readNpyRows, writeNpy } from '../pipeline/files.js'
import { mapOrdered } from './ordered.js'

export interface CorruptTask {
  /** Path of the inputs, uint8 [examples, height, width, channels]. */
  readonly inputs: string
  /** The rows to corrupt, and their ids. */
  readonly rows: Int32Array
  readonly ids: readonly string[]
  readonly shape: PictureShape
  readonly corruption: CorruptionName
  readonly severities: readonly Severity[]
  readonly seed: number
  /** Path of the pictures to write, uint8 [severities · rows, height, width, channels], one severity after another. */
  readonly pictures: string
  /** On shared memory; not 0 once the work is to stop. */
  readonly stop: Int32Array
}

/** Bytes of pictures in memory at a time. */
const chunkBytes = 2 ** 22
/** JPEG files in the making at a time. */
const inFlight = 8

export default async function corruptRows(task: CorruptTask): Promise<void> {
  const { inputs, rows, ids, shape, corruption, severities, seed, pictures, stop } = task
  const { height, width, channels } = shape
  const length = height * width * channels
  const together = Math.max(1, Math.floor(chunkBytes / length))
  async function* corrupted(): AsyncGenerator<Uint8Array> {
    for (const severity of severities) {
      for (let start = 0; start < rows.length; start += together) {
        if (Atomics.load(stop, 0) !== 0) throw new Error('stopped')
        const chunk = rows.subarray(start, start + together)
        const clean = (await readNpyRows(inputs, chunk)) as Uint8Array
        yield* mapOrdered(chunk.keys(), inFlight, index => {
          const picture = clean.subarray(index * length, (index + 1) * length)
          return corrupt(picture, shape, corruption, severity, seed, ids[start + index])
        })
      }
    }
  }
  await writeNpy(pictures, { dtype: 'uint8', shape: [height, width, channels] }, corrupted())
}
