/**
 * `decisions.jsonl`, the file of all decisions about the runs of a pipeline. Several processes write to it at once:
 * each event is one write at the end of the file (O_APPEND), synced before it counts as saved, and nothing that is
 * in the file ever changes.
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
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
  /** All events, those of other processes included; the file is read again only after it changed. */
  read(): Promise<ParsedLog>
  /** Writes decisions, all in one write, and returns once they are on the disk. */
  decide(decisions: readonly (Question & Verdict)[], reviewer: string): Promise<ReviewEvent[]>
  /** Takes decisions back, all in one write, and returns once that is on the disk. */
  undo(decisions: readonly (Question & { readonly id: string })[], reviewer: string): Promise<ReviewEvent[]>
  close(): Promise<void>
}

/** Opens the file, and makes it where there is none. @throws RunError if it cannot be written */
export async function openDecisionLog(path: string): Promise<DecisionLog> {
  const file = await onDisk(path, () => open(path, 'a+'))
  let known: { readonly stamp: string; readonly log: ParsedLog } | undefined
  // One write after the other, so that each sees how the one before it ended.
  let last: Promise<unknown> = Promise.resolve()
  function append(events: readonly ReviewEvent[]): Promise<ReviewEvent[]> {
    const written = last.then(async () => {
      await onDisk(path, () => appendEvents(file, events))
      return [...events]
    })
    last = written.catch(() => {})
    return written
  }
  const stamped = (reviewer: string) => ({ id: randomUUID(), reviewer, time: new Date().toISOString() })
  return {
    path,
    async read() {
      const { size, mtimeMs, ino } = await stat(path)
      const stamp = `${ino} ${size} ${mtimeMs}`
      if (known?.stamp !== stamp) known = { stamp, log: await readDecisions(path) }
      return known.log
    },
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

async function appendEvents(file: FileHandle, events: readonly ReviewEvent[]): Promise<void> {
  if (events.length === 0) return
  const lines = events.map(formatEvent).join('')
  // What a crash cut short must not swallow the line that follows.
  const bytes = Buffer.from((await endsInLine(file)) ? lines : `\n${lines}`)
  const { bytesWritten } = await file.write(bytes)
  if (bytesWritten < bytes.length) throw new Error('the disk took only a part of it')
  await file.datasync()
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
