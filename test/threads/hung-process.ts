/** A process with a thread that hangs within the system: `node hung-process.ts <log> <pipe> <end>`. */
import { leaveHungThreads } from '../../src/threads/hung-threads.js'
import { createThreadPool } from '../../src/threads/thread-pool.js'
import type { HangingTask } from './hanging-worker.js'

const [log = '', pipe = ''] = process.argv.slice(2)
const pool = createThreadPool<HangingTask, string>('hanging-worker', import.meta.url, {
  workers: 1,
  mendOfMemory: '',
  patience: { first: 20_000, least: 200 },
})
const failed = pool.run(({ pulse }) => ({ task: { log, pulse, hangs: 1, piece: 1, pipe } }))
await failed.catch(error => process.stdout.write(`${error.message}\n`))
await pool.close()
process.stdout.write('closed\n')
await leaveHungThreads()
