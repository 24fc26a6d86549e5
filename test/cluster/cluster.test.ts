/** Runs on a real Redis with workers in processes of their own: whatever dies on the way, the bytes are those of one machine. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parseAddress } from '../../src/cluster/address.js'
import { clusterAt } from '../../src/cluster/store.js'
import { work } from '../../src/cluster/worker.js'
import type { PipelineInput } from '../../src/pipeline/config.js'
import type { RunEvent } from '../../src/pipeline/events.js'
import type { Manifest } from '../../src/pipeline/manifest.js'
import type { RunnerOptions } from '../../src/pipeline/runner.js'
import { type ArtefactStore, type DiskArtefactStore, openStore } from '../../src/pipeline/store.js'
import { parseStorageAddress } from '../../src/storage/address.js'
import { openBucket } from '../../src/storage/bucket.js'
import { openSharedStore } from '../../src/storage/shared-store.js'
import { freePort } from '../free-port.js'
import { startS3 } from '../storage/s3-server.js'
import { runSmall } from '../whole-run/pipeline.js'
import { hasRedis, type RedisServer, startRedis } from './redis.js'

const changes: Partial<PipelineInput> = {
  model: { architecture: 'mlp', width: 0.1, epochs: 4, batchSize: 16 },
  dataset: { path: glyphs('train'), test: glyphs('test'), trueLabel: 'true_label', limit: 150 },
  compress: [{ method: 'magnitude', sparsity: 0.9, start: 'branch', begin: 0.4, frequency: 5 }],
  retrain: { seeds: 1, arms: ['all', 'cleaned'] },
  inspect: false,
}

function glyphs(split: string): string {
  return new URL(`../../data/glyphs/${split}.parquet`, import.meta.url).pathname
}

/** Path and hash of every file of the run. */
function bytesOf({ stages }: Manifest): Record<string, string> {
  return Object.fromEntries(stages.flatMap(({ files }) => files.map(({ path, sha256 }) => [path, sha256])))
}

/** Lines that a worker says. */
class Lines {
  readonly all: string[] = []
  readonly #heard = new Set<() => void>()

  add(line: string): void {
    this.all.push(line)
    for (const tell of this.#heard) tell()
  }

  /** Resolves once there is one that matches. */
  some(pattern: RegExp): Promise<void> {
    return new Promise(resolve => {
      const look = () => {
        if (!this.all.some(line => pattern.test(line))) return
        this.#heard.delete(look)
        resolve()
      }
      this.#heard.add(look)
      look()
    })
  }
}

const secret = 'nobody-knows-it'

/** Milliseconds; the worker in a process of its own says the same. */
const lostAfter = 1500

const processes = new Set<ChildProcess>()

/** A worker in a process of its own, to be killed. */
function startProcess(port: number, out: string) {
  const script = new URL('./worker.ts', import.meta.url).pathname
  const args = ['--import', 'tsx', script, `redis://127.0.0.1:${port}`, join(out, 'store')]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  processes.add(child)
  const gone = once(child, 'exit').then(() => void processes.delete(child))
  const lines = new Lines()
  createInterface({ input: child.stdout }).on('line', line => lines.add(line))
  return {
    pid: child.pid!,
    lines,
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

/** A worker in this process. @param store the folder `out/store` when absent */
async function startWorker(port: number, out: string, store?: ArtefactStore) {
  const stop = new AbortController()
  const lines = new Lines()
  const ended = work(parseAddress(`redis://127.0.0.1:${port}`, true), {
    store: store ?? (await openStore(join(out, 'store'))),
    workers: 1,
    signal: stop.signal,
    log: (_, event, { kind, title } = {}) => lines.add([kind, title, event].filter(Boolean).join(' ')),
    lostAfter,
  })
  return {
    lines,
    async stop() {
      stop.abort()
      await ended
    },
  }
}

/** What lies between two machines and can be cut. */
async function startLine(to: number) {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer(client => {
    if (isCut) return void client.destroy()
    const redis = connect(to, '127.0.0.1')
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port,
    cut() {
      isCut = true
      for (const socket of sockets) socket.destroy()
    },
    mend() {
      isCut = false
    },
    close: () => void server.close(),
  }
}

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

describe.skipIf(!hasRedis)('a run on a cluster', () => {
  let folder: string
  let expected: Record<string, string>
  let redis: RedisServer
  const heard: string[] = []
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pieline-cluster-'))
    redis = await startRedis(folder, ['--requirepass', secret])
    process.env.REDIS_PASSWORD = secret
    expected = bytesOf((await runSmall(join(folder, 'alone'), { workers: 1, changes })).manifest)
  }, 600_000)
  afterEach(() => {
    for (const child of processes) child.kill('SIGKILL')
  })
  afterAll(async () => {
    delete process.env.REDIS_PASSWORD
    await redis.kill()
    await rm(folder, { recursive: true, force: true })
  })

  async function runOn(
    port: number,
    out: string,
    observe: (event: RunEvent) => void = () => {},
    share?: RunnerOptions['share'],
  ) {
    return runSmall(out, {
      workers: 1,
      changes,
      cluster: clusterAt(`redis://127.0.0.1:${port}`, true),
      ...(share && { share }),
      observe(event) {
        heard.push(JSON.stringify(event))
        observe(event)
      },
    })
  }

  it('has two workers make every member once, to the bytes of one machine, over an object storage', async () => {
    const storage = await startS3(join(folder, 's3'))
    const bucket = openBucket(parseStorageAddress(storage.address(), storage.environment))
    const share = (disk: DiskArtefactStore) => openSharedStore(disk, bucket)
    const machine = async (name: string) => share(await openStore(join(folder, name)))
    const out = join(folder, 'two-workers')
    const workers = await Promise.all(
      ['first', 'second'].map(async name => startWorker(redis.port, out, await machine(name))),
    )
    const { manifest } = await runOn(redis.port, out, undefined, share)
    await Promise.all(workers.map(worker => worker.stop()))
    await storage.kill()
    expect(bytesOf(manifest)).toEqual(expected)
    // A dense member is trained in two pieces, since a sparse one branches off.
    const lines = workers.flatMap(({ lines }) => lines.all)
    expect(lines.filter(line => line.endsWith('job-begun')).sort()).toEqual([
      'predict all 0 job-begun',
      'predict cleaned 0 job-begun',
      'predict dense 0 job-begun',
      'predict dense 1 job-begun',
      'predict magnitude-0.9 0 job-begun',
      'predict magnitude-0.9 1 job-begun',
      'train all 0 job-begun',
      'train cleaned 0 job-begun',
      'train dense 0 job-begun',
      'train dense 0 job-begun',
      'train dense 1 job-begun',
      'train dense 1 job-begun',
      'train magnitude-0.9 0 job-begun',
      'train magnitude-0.9 1 job-begun',
    ])
  }, 600_000)

  it('ends with the same bytes after kill -9 of a worker, a Redis without memory and a cut network', async () => {
    const out = join(folder, 'disturbed')
    await mkdir(out, { recursive: true })
    const line = await startLine(redis.port)
    const first = startProcess(line.port, out)
    const disturb = async () => {
      await first.lines.some(/^train dense .* job-begun/)
      const commandLine = await readFile(`/proc/${first.pid}/cmdline`, 'utf8').catch(() => '')
      await first.kill()
      const second = await startWorker(line.port, out)
      await second.lines.some(/^train magnitude.* job-begun/)
      await redis.kill()
      await pause(500)
      await redis.start()
      await second.lines.some(/^predict magnitude.* job-begun/)
      line.cut()
      await pause(2500)
      line.mend()
      return { second, commandLine }
    }
    const disturbed = disturb()
    const logs: string[] = []
    const { manifest } = await runOn(line.port, out, event => {
      if (event.event === 'log') logs.push(event.message)
    })
    const { second, commandLine } = await disturbed
    await second.stop()
    line.close()
    expect(bytesOf(manifest)).toEqual(expected)
    expect(logs.filter(text => text.endsWith('is away; waiting for it'))).toHaveLength(2)
    const told = [...heard, ...first.lines.all, ...second.lines.all, commandLine, JSON.stringify(manifest)]
    expect(told.filter(text => text.includes(secret))).toEqual([])
  }, 600_000)
})
