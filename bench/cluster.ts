/**
 * Runs on a cluster of 0 (all in the run itself), 1, 2 and 4 workers on one Redis of its own: whether the bytes are the
 * same, jobs a minute, overhead per job; then 2 workers of which one is killed in the middle: the time that was lost.
 * `npm run bench:cluster -- --seeds 12 --kills 3 --store s3://bucket`; it needs a redis-server.
 *
 * Each set of workers first makes another run, so that threads and caches are warm. Overhead per job is the run's
 * wall-clock time with one worker less that without a cluster, by the number of jobs.
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
import type { ConnectCluster } from '../src/pipeline/cluster.js'
import type { PipelineInput } from '../src/pipeline/config.js'
import type { Manifest } from '../src/pipeline/manifest.js'
import { sharedThrough } from '../src/storage/shared-store.js'
import { startRedis } from '../test/cluster/redis.js'
import { runSmall } from '../test/whole-run/pipeline.js'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '8' },
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
  /** Jobs that it has done. */
  done(): number
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
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const waiting = new Map<string, () => void>()
  let [active, done] = [0, 0]
  createInterface({ input: child.stdout }).on('line', line => {
    const { event } = JSON.parse(line) as { event: string }
    if (event === 'job-begun') active++
    else if (event.startsWith('job-')) active--
    if (event === 'job-done') done++
    waiting.get(event)?.()
    waiting.delete(event)
  })
  return {
    child,
    heard: event => new Promise<void>(resolve => waiting.set(event, resolve)),
    active: () => active,
    done: () => done,
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
  model: { architecture: 'cnn-fast', width: 0.06, epochs: 2, batchSize: 32, flip: 'none' },
  population: { seeds, crossFit: 2, firstSeed },
  compress: [{ method: 'magnitude', sparsity: 0.9, start: 'scratch', frequency: 10 }],
  inspect: false,
})

interface Measured {
  readonly seconds: number
  readonly hashes: string
}

async function measure(out: string, firstSeed: number, cluster?: ConnectCluster): Promise<Measured> {
  const share = cluster && values.store !== undefined ? sharedThrough(values.store) : undefined
  const began = performance.now()
  const { manifest } = await runSmall(out, {
    workers: 1,
    changes: changes(firstSeed),
    ...(cluster && { cluster }),
    ...(share && { share }),
  })
  return { seconds: (performance.now() - began) / 1000, hashes: hashesOf(manifest) }
}

const hashesOf = ({ stages }: Manifest): string =>
  stages.flatMap(({ files }) => files.map(({ path, sha256 }) => `${path} ${sha256}`)).join('\n')

const cluster = clusterAt(address, false)
const [warmSeed, seed] = [1000, 0]
const out = (name: string) => join(folder, name)
await measure(out('alone'), warmSeed)
const alone = await measure(out('alone'), seed)
const isSame = ({ hashes }: Measured) => (hashes === alone.hashes ? 'the same' : 'OTHER')

console.log('| workers | seconds | jobs | jobs a minute | overhead per job | bytes |')
console.log('| ------- | ------- | ---- | ------------- | ---------------- | ----- |')
console.log(`| none | ${alone.seconds.toFixed(1)} | – | – | – | – |`)

const undisturbed = new Map<number, number>()
for (const count of values.workers.split(',').map(Number)) {
  const place = out(`workers-${count}`)
  const workers = Array.from({ length: count }, () => startWorker(place))
  await Promise.all(workers.map(worker => worker.heard('ready')))
  await measure(place, warmSeed, cluster)
  const doneBy = () => workers.reduce((sum, worker) => sum + worker.done(), 0)
  const before = doneBy()
  const run = await measure(place, seed, cluster)
  const jobs = doneBy() - before
  await stopWorkers(workers)
  undisturbed.set(count, run.seconds)
  const overhead = ((run.seconds - alone.seconds) / jobs) * 1000
  const cells = [count, run.seconds.toFixed(1), jobs, ((jobs / run.seconds) * 60).toFixed(0)]
  console.log(`| ${cells.join(' | ')} | ${count === 1 ? `${overhead.toFixed(0)} ms` : ''} | ${isSame(run)} |`)
}

const pair = undisturbed.get(2)
for (let turn = 0; pair !== undefined && turn < Number(values.kills); turn++) {
  const place = out(`killed-${turn}`)
  const [victim, other] = [startWorker(place), startWorker(place)]
  await Promise.all([victim.heard('ready'), other.heard('ready')])
  await measure(place, warmSeed, cluster)
  const run = measure(place, seed, cluster)
  await pause(pair * 1000 * (0.1 + 0.5 * Math.random()))
  while (victim.active() === 0) await pause(10)
  victim.child.kill('SIGKILL')
  const { seconds, hashes } = await run
  await stopWorkers([victim, other])
  console.log(
    `one of 2 killed: ${seconds.toFixed(1)} s, ${(seconds - pair).toFixed(1)} s lost, bytes ${isSame({ seconds, hashes })}`,
  )
}
await redis.kill()
await rm(folder, { recursive: true, force: true })
