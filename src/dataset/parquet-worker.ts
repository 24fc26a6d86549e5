/** Decodes Parquet files in a worker thread: any number of files at a time, a batch a request. */
import { parentPort } from 'node:worker_threads'
import { DataError } from '../errors.js'
import { openFile } from '../pipeline/files.js'
import { readParquetMessages } from '../tables/parquet.js'

export type ParquetRequest =
  | {
      readonly reading: number
      readonly type: 'open'
      readonly path: string
      /** These columns alone; undefined: all. */
      readonly columns: readonly string[] | undefined
    }
  | { readonly reading: number; readonly type: 'next' }
  | { readonly reading: number; readonly type: 'close' }

/** The answer to `next`. */
export type ParquetReply = { readonly reading: number } & (
  | { readonly message: Uint8Array<ArrayBuffer> }
  | { readonly done: true }
  | { readonly error: string; readonly mend: string | undefined }
)

const readings = new Map<number, AsyncGenerator<Uint8Array<ArrayBuffer>>>()

parentPort!.on('message', async (request: ParquetRequest) => {
  const { reading, type } = request
  if (type === 'open') readings.set(reading, readMessages(request.path, request.columns))
  else if (type === 'next') await answer(reading)
  else {
    await readings.get(reading)?.return(undefined)
    readings.delete(reading)
  }
})

async function* readMessages(path: string, columns: readonly string[] | undefined) {
  yield* readParquetMessages(await openFile(path), columns === undefined ? {} : { columns })
}

async function answer(reading: number): Promise<void> {
  const reply = (reply: ParquetReply, transfer: ArrayBuffer[] = []) =>
    parentPort!.postMessage(reply, transfer)
  try {
    const next = await readings.get(reading)!.next()
    if (next.done) reply({ reading, done: true })
    else reply({ reading, message: next.value }, [next.value.buffer])
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    reply({ reading, error: error.message, mend: error.mend })
  }
}
