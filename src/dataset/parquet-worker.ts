/** Decodes Parquet files in a worker thread: any number of files at a time, a batch a request. */
import { parentPort } from 'node:worker_threads'
import { DataError } from '../errors.js'
import { openFile } from '../pipeline/files.js'
import { describeParquet, readParquetMessages } from '../tables/parquet.js'

export type ParquetRequest =
  | {
      readonly reading: number
      readonly type: 'open'
      readonly path: string
      /** These columns alone; undefined: all. */
      readonly columns: readonly string[] | undefined
    }
  | { readonly reading: number; readonly type: 'describe'; readonly path: string }
  | { readonly reading: number; readonly type: 'next' }
  | { readonly reading: number; readonly type: 'close' }

/** The answer to `next`, and to `describe`: the message of the schema, and how many rows there are. */
export type ParquetReply = { readonly reading: number } & (
  | { readonly message: Uint8Array<ArrayBuffer>; readonly rows?: number }
  | { readonly done: true }
  | { readonly error: string; readonly mend: string | undefined }
)

const readings = new Map<number, AsyncGenerator<Uint8Array<ArrayBuffer>>>()

parentPort!.on('message', async (request: ParquetRequest) => {
  const { reading, type } = request
  if (type === 'open') readings.set(reading, readMessages(request.path, request.columns))
  else if (type === 'describe') await answer(reading, () => describe(request.path))
  else if (type === 'next') await answer(reading, () => nextOf(reading))
  else {
    await readings.get(reading)?.return(undefined)
    readings.delete(reading)
  }
})

async function* readMessages(path: string, columns: readonly string[] | undefined) {
  yield* readParquetMessages(await openFile(path), columns === undefined ? {} : { columns })
}

type Answer = { readonly message: Uint8Array<ArrayBuffer>; readonly rows?: number } | { readonly done: true }

async function nextOf(reading: number): Promise<Answer> {
  const next = await readings.get(reading)!.next()
  return next.done ? { done: true } : { message: next.value }
}

async function describe(path: string): Promise<Answer> {
  const { rows } = await describeParquet(await openFile(path))
  const messages = readMessages(path, undefined)
  const { value } = await messages.next()
  await messages.return(undefined)
  return { message: value!, rows }
}

async function answer(reading: number, act: () => Promise<Answer>): Promise<void> {
  const reply = (reply: ParquetReply, transfer: ArrayBuffer[] = []) =>
    parentPort!.postMessage(reply, transfer)
  try {
    const answer = await act()
    reply({ reading, ...answer }, 'message' in answer ? [answer.message.buffer] : [])
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    reply({ reading, error: error.message, mend: error.mend })
  }
}
