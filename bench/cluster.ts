/**
 * Runs on a cluster of 1, 2 and 4 workers on one Redis of its own, beside one without a cluster: whether the bytes are the
 * same, how long the stages take that make members, what goes by between two jobs; then 2 workers of which one is killed
 * in the middle: the time that was lost. `npm run bench:cluster -- --seeds 12 --epochs 8 --kills 3 --store s3://bucket`;
 * it needs a redis-server.
 *
 * Each set of workers first makes another run, so that threads and caches are warm. Between two jobs lies what one worker
 * does not spend within jobs: asking the queue, waiting for the run, and what the run does beside waiting.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { clusterAt } from '../src/cluster/store.js'
import type { PipelineInput } from '../src/pipeline/config.js'
import type { Manifest } from '../src/pipeline/manifest.js'
import { sharedThrough } from '../src/storage/shared-store.js'
import { startRedis } from '../test/cluster/redis.js'
import { runSmall } from '../test/whole-run/pipeline.js'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '8' },
    epochs: { type: 'string', default: '8' },
    kills: { type: 'string', default: '2' },
    workers: { type: 'string', default: '1,2,4' },
    store: { type: 'string' },
  },
})
const seeds = Number(values.seeds)

const folder = await mkdtemp(join(tmpdir(), 'pieline-cluster-'))
const redis = await startRedis(folder)
const address = `redis://127.0.0.1:${redis.port}`

interface WorkerProcess {
  readonly child: ChildProcess
  /** Resolves when it has said so. */
  heard(event: string): Promise<unknown>
  /** Jobs that it has begun and not ended. */
  active(): number
  /** Seconds of each job that it has done. */
  readonly done: number[]
}

function startWorker(out: string): WorkerProcess {
  const cli = new URL('../src/cli.ts', import.meta.url).pathname
  const place = values.store ?? join(out, 'store')
  const args = [
    'worker',
    '--cluster',
    address,
    '--store',
    place,
    '--cache',
    join(out, `cache-${Math.random()}`),
  ]
  const child = spawn(process.execPath, ['--import', 'tsx', cli, ...args, '--workers', '1', '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const waiting = new Map<string, () => void>()
  let active = 0
  const done: number[] = []
  createInterface({ input: child.stdout }).on('line', line => {
    const { event, seconds } = JSON.parse(line) as { event: string; seconds: number }
    if (event === 'job-begun') active++
    else if (event.startsWith('job-')) active--
    if (event === 'job-done') done.push(seconds)
    waiting.get(event)?.()
    waiting.delete(event)
  })
  return {
    child,
    heard: event => new Promise<void>(resolve => waiting.set(event, resolve)),
    active: () => active,
    done,
  }
}

async function stopWorkers(workers: readonly WorkerProcess[]): Promise<void> {
  await Promise.all(
    workers
      .filter(({ child }) => child.exitCode === null && child.signalCode === null)
      .map(({ child }) => {
        const gone = once(child, 'exit')
        child.kill('SIGTERM')
        return gone
      }),
  )
}

/** Members alone: what a cluster makes. */
const changes = (firstSeed: number): Partial<PipelineInput> => ({
  model: {
    architecture: 'cnn-fast',
    width: 0.06,
    epochs: Number(values.epochs),
    batchSize: 32,
    flip: 'none',
  },
  population: { seeds, crossFit: 2, firstSeed },
  compress: [{ method: 'magnitude', sparsity: 0.9, start: 'scratch', frequency: 10 }],
  inspect: false,
  retrain: undefined,
})

interface Measured {
  /** Of the stages that make members. */
  readonly seconds: number
  readonly hashes: string
}

async function measure(out: string, firstSeed: number, isCluster: boolean): Promise<Measured> {
  const share = isCluster && values.store !== undefined ? sharedThrough(values.store) : undefined
  let [seconds, began] = [0, 0]
  const { manifest } = await runSmall(out, {
    workers: 1,
    changes: changes(firstSeed),
    ...(share && { share }),
    ...(isCluster && { cluster }),
    observe(event) {
      if (!('stage' in event) || !['train', 'preview', 'compress', 'predict'].includes(event.stage)) return
      if (event.event === 'stage-started') began = performance.now()
      else if (event.event === 'stage-finished') seconds += (performance.now() - began) / 1000
    },
  })
  return { seconds, hashes: hashesOf(manifest) }
}

const hashesOf = ({ stages }: Manifest): string =>
  stages.flatMap(({ files }) => files.map(({ path, sha256 }) => `${path} ${sha256}`)).join('\n')

const cluster = clusterAt(address, false)
const [warmSeed, seed] = [1000, 0]
const out = (name: string) => join(folder, name)
await measure(out('alone'), warmSeed, false)
const alone = await measure(out('alone'), seed, false)
const isSame = ({ hashes }: Measured) => (hashes === alone.hashes ? 'the same' : 'OTHER')

console.log('| workers | seconds | jobs | jobs a minute | median job | between two jobs | bytes |')
console.log('| ------- | ------- | ---- | ------------- | ---------- | ---------------- | ----- |')
console.log(`| none | ${alone.seconds.toFixed(1)} | – | – | – | – | – |`)

const milliseconds = (seconds: number) => `${(seconds * 1000).toFixed(0)} ms`
const undisturbed = new Map<number, number>()
for (const count of values.workers.split(',').map(Number)) {
  const place = out(`workers-${count}`)
  const workers = Array.from({ length: count }, () => startWorker(place))
  await Promise.all(workers.map(worker => worker.heard('ready')))
  await measure(place, warmSeed, true)
  for (const { done } of workers) done.length = 0
  const run = await measure(place, seed, true)
  const jobs = workers.flatMap(({ done }) => done).sort((a, b) => a - b)
  await stopWorkers(workers)
  undisturbed.set(count, run.seconds)
  const within = jobs.reduce((sum, seconds) => sum + seconds, 0)
  const cells = [
    count,
    run.seconds.toFixed(1),
    jobs.length,
    ((jobs.length / run.seconds) * 60).toFixed(0),
    milliseconds(jobs[jobs.length >> 1]!),
    count === 1 ? milliseconds((run.seconds - within) / jobs.length) : '–',
    isSame(run),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}

const pair = undisturbed.get(2)
for (let turn = 0; pair !== undefined && turn < Number(values.kills); turn++) {
  const place = out(`killed-${turn}`)
  const [victim, other] = [startWorker(place), startWorker(place)]
  await Promise.all([victim.heard('ready'), other.heard('ready')])
  await measure(place, warmSeed, true)
  const run = measure(place, seed, true)
  await pause(pair * 1000 * (0.1 + 0.5 * Math.random()))
  while (victim.active() === 0) await pause(10)
  victim.child.kill('SIGKILL')
  const killed = await run
  await stopWorkers([victim, other])
  const [took, lost] = [killed.seconds, killed.seconds - pair].map(seconds => `${seconds.toFixed(1)} s`)
  console.log(`one of 2 killed: ${took}, ${lost} lost, bytes ${isSame(killed)}`)
}
await redis.kill()
await rm(folder, { recursive: true, force: true })
