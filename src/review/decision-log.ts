/**
 * `decisions.jsonl`, the file of all decisions about the runs of a pipeline. Several processes write to it at once:
 * each event is one write at the end of the file (O_APPEND), synced before it counts as saved, and nothing that is
 * in the file ever changes.
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { RunError } from '../errors.js'
import { placed } from '../pipeline/files.js'
import { formatEvent, type ParsedLog, parseEvents, type ReviewEvent, type Verdict } from './decisions.js'

/** Where the decisions about a run are: beside it, so that they hold for every run of the pipeline. */
export function decisionsPath(runFolder: string): string {
  return join(dirname(resolve(runFolder)), 'decisions.jsonl')
}

/** The events in the file; none where there is no file. @throws DataError that names the file and the line */
export async function readDecisions(path: string): Promise<ParsedLog> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { events: [], torn: [] }
    throw new RunError(`cannot be read: ${(cause as Error).message}`, { file: path, cause })
  }
  try {
    return parseEvents(text)
  } catch (error) {
    throw placed(error, path)
  }
}

/** Which label a decision is about, and who decides. */
export interface Question {
  readonly example_id: string
  /** Class name of the given label. */
  readonly given: string
}

export interface DecisionLog {
  readonly path: string
  /** Lines that a crash cut short before the log was opened. */
  readonly torn: readonly number[]
  /** The events that came in since the last call, those of other processes included; at first, all. */
  news(): Promise<readonly ReviewEvent[]>
  /** Writes decisions, all in one write, and returns once they are on the disk. */
  decide(decisions: readonly (Question & Verdict)[], reviewer: string): Promise<void>
  /** Takes decisions back, all in one write, and returns once that is on the disk. */
  undo(decisions: readonly (Question & { readonly id: string })[], reviewer: string): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the file, and makes it where there is none.
 * @throws RunError if it cannot be written; DataError that names the line, if one is no event
 */
export async function openDecisionLog(path: string): Promise<DecisionLog> {
  const file = await onDisk(path, () => open(path, 'a+'))
  let torn: readonly number[]
  try {
    // What a crash cut short must not swallow the line that follows.
    if (!(await endsInLine(file))) await onDisk(path, () => writeWhole(file, '\n'))
    torn = (await readDecisions(path)).torn
  } catch (error) {
    await file.close()
    throw error
  }
  let offset = 0
  // One after the other: each write sees how the one before it ended, each reading goes on where the last one ended.
  let last: Promise<unknown> = Promise.resolve()
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = last.then(act)
    last = done.catch(() => {})
    return done
  }
  const append = (events: readonly ReviewEvent[]) =>
    inTurn(() =>
      onDisk(path, async () => {
        const lines = events.map(formatEvent).join('')
        await writeWhole(file, (await endsInLine(file)) ? lines : `\n${lines}`)
      }),
    )
  const stamped = (reviewer: string) => ({ id: randomUUID(), reviewer, time: new Date().toISOString() })
  return {
    path,
    torn,
    news: () =>
      inTurn(async () => {
        const { size } = await file.stat()
        if (size < offset) {
          throw new RunError('the file of decisions became shorter while it was in use', {
            file: path,
            mend: 'Start the review again.',
          })
        }
        const bytes = await readBytes(file, offset, size)
        // A line without its end is still being written by somebody.
        const end = bytes.lastIndexOf(0x0a) + 1
        offset += end
        try {
          return parseEvents(bytes.toString('utf8', 0, end)).events
        } catch (error) {
          throw placed(error, path)
        }
      }),
    decide: (decisions, reviewer) =>
      append(decisions.map(decision => ({ ...stamped(reviewer), ...decision }))),
    undo: (decisions, reviewer) =>
      append(
        decisions.map(({ id, example_id, given }) => ({
          ...stamped(reviewer),
          example_id,
          given,
          undoes: id,
        })),
      ),
    async close() {
      await last
      await file.close()
    },
  }
}

async function writeWhole(file: FileHandle, text: string): Promise<void> {
  const bytes = Buffer.from(text)
  const { bytesWritten } = await file.write(bytes)
  if (bytesWritten < bytes.length) throw new Error('the disk took only a part of it')
  await file.sync()
}

async function readBytes(file: FileHandle, begin: number, end: number): Promise<Buffer> {
  const bytes = Buffer.alloc(end - begin)
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, begin + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return bytes.subarray(0, length)
}

async function endsInLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  if (size === 0) return true
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] === 0x0a
}

async function onDisk<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    throw new RunError(`the decisions cannot be written: ${(cause as Error).message}`, {
      file: path,
      mend: 'Check the free space and the permissions of the folder.',
      cause,
    })
  }
}
