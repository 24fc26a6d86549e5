/** The thread that decodes Parquet files: started when it is first needed, again after a damaged file ended it. */
import { Worker } from 'node:worker_threads'
import { type Schema, tableFromIPC } from 'apache-arrow'
import { DataError } from '../errors.js'
import { workerFile } from '../threads/worker-file.js'
import type { ParquetReply, ParquetRequest } from './parquet-worker.js'

interface Waiting {
  resolve(reply: ParquetReply): void
  reject(cause: unknown): void
}

interface ParquetThread {
  readonly worker: Worker
  /** Who waits for an answer, by the number of the reading. */
  readonly waiting: Map<number, Waiting>
}

let current: ParquetThread | undefined
let readings = 0

/**
 * The messages of {@link readParquetMessages} about a file, one of them decoded ahead of the one in use.
 * @throws DataError if the file is damaged in any way
 */
export async function* readInThread(
  path: string,
  columns: readonly string[] | undefined,
): AsyncGenerator<Uint8Array> {
  current ??= startThread()
  const thread = current
  const reading = readings++
  const send = (request: ParquetRequest) => thread.worker.postMessage(request)
  const next = () => ask(thread, { reading, type: 'next' })
  send({ reading, type: 'open', path, columns })
  try {
    let pending = next()
    for (;;) {
      const reply = await pending
      if ('done' in reply) return
      pending = next()
      // It is awaited when its turn comes, if it comes.
      pending.catch(() => {})
      yield reply.message
    }
  } finally {
    send({ reading, type: 'close' })
  }
}

/**
 * Schema and number of rows of a file, from its footer, on which the library can panic too.
 * @throws DataError if the file is damaged
 */
export async function describeInThread(path: string): Promise<{ schema: Schema; rows: number }> {
  current ??= startThread()
  const reply = await ask(current, { reading: readings++, type: 'describe', path })
  if (!('message' in reply)) throw new Error('the thread described nothing')
  return { schema: tableFromIPC(reply.message).schema, rows: reply.rows! }
}

/** @throws DataError if the file is damaged, also if that ended the thread */
async function ask(
  thread: ParquetThread,
  request: ParquetRequest,
): Promise<Exclude<ParquetReply, { readonly error: string }>> {
  const answered = new Promise<ParquetReply>((resolve, reject) => {
    if (thread !== current) reject(new Error('the thread has ended'))
    thread.waiting.set(request.reading, { resolve, reject })
  })
  // The thread keeps the process alive only while somebody waits for it.
  thread.worker.ref()
  thread.worker.postMessage(request)
  const reply = await answered.catch(cause => {
    throw damagedPage(cause)
  })
  if (!('error' in reply)) return reply
  throw new DataError(reply.error, reply.mend === undefined ? {} : { mend: reply.mend })
}

function startThread(): ParquetThread {
  const { filename, execArgv } = workerFile('parquet-worker', import.meta.url)
  const worker = new Worker(new URL(filename), { execArgv })
  const waiting = new Map<number, Waiting>()
  const thread = { worker, waiting }
  worker.unref()
  worker.on('message', (reply: ParquetReply) => {
    const waiter = waiting.get(reply.reading)
    waiting.delete(reply.reading)
    if (waiting.size === 0) worker.unref()
    waiter?.resolve(reply)
  })
  worker.on('error', cause => {
    if (current === thread) current = undefined
    for (const waiter of waiting.values()) waiter.reject(cause)
    waiting.clear()
  })
  return thread
}

function damagedPage(cause: unknown): DataError {
  return new DataError('not a whole Parquet file: its data are damaged, or a row group is too large', {
    mend: 'Fetch the file or write it again; row groups need to be under a gigabyte.',
    cause,
  })
}
