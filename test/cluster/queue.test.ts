/** What happens to jobs that fail, on a real Redis. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type ClusterAddress, parseAddress } from '../../src/cluster/address.js'
import { type ClusterView, viewCluster } from '../../src/cluster/state.js'
import { openCluster } from '../../src/cluster/store.js'
import { work } from '../../src/cluster/worker.js'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import type { Cluster } from '../../src/pipeline/cluster.js'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { writeNpy } from '../../src/pipeline/files.js'
import { keyOf } from '../../src/pipeline/key.js'
import { silentProgress } from '../../src/pipeline/progress.js'
import { type DiskArtefactStore, openStore } from '../../src/pipeline/store.js'
import { randomStream } from '../../src/random.js'
import { type MemberEnvironment, type MemberRequest, produceMembers } from '../../src/training/members.js'
import { hasRedis, type RedisServer, startRedis } from './redis.js'

const examples = 64
const features = 4

describe.skipIf(!hasRedis)('a job', () => {
  let folder: string
  let redis: RedisServer
  let address: ClusterAddress
  let store: DiskArtefactStore
  let inputs: string
  let view: ClusterView
  const stops: AbortController[] = []
  afterEach(() => {
    for (const stop of stops) stop.abort()
  })
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pieline-queue-'))
    redis = await startRedis(folder)
    address = parseAddress(`redis://127.0.0.1:${redis.port}`, true)
    view = await viewCluster(address)
    store = await openStore(join(folder, 'store'))
    const random = randomStream('queue')
    const values = Float32Array.from({ length: examples * features }, () => random.normal())
    const artefact = await store.produce(keyOf('inputs'), async made => {
      await writeNpy(join(made, 'inputs.npy'), { dtype: 'float32', shape: [features] }, [values])
    })
    inputs = join(artefact.folder, 'inputs.npy')
  })
  afterAll(async () => {
    await view.close()
    await redis.kill()
    await rm(folder, { recursive: true, force: true })
  })

  function environment(cluster: Cluster, epochs: number, signal: AbortSignal): MemberEnvironment {
    const normalization = {
      mean: new Float32Array(features),
      deviation: new Float32Array(features).fill(1),
    }
    const input = { kind: 'features', features } as const
    return {
      engine: 'onnxruntime',
      engineVersions: { test: '1' },
      architecture: buildArchitecture('mlp', normalization, { input, classes: 2, width: 0.1, dropout: 0 }),
      model: pipelineSchema.parse({ name: 'x', dataset: { path: '' }, model: { epochs, batchSize: 8 } })
        .model,
      inputs,
      inputsKey: 'test',
      store: cluster.storeOf('train', store),
      workers: 1,
      progress: silentProgress,
      signal,
    }
  }

  function request(seed: number, labelOf: (row: number) => number): MemberRequest {
    return {
      title: `dense ${seed}`,
      seed: [seed],
      rows: Int32Array.from({ length: examples }, (_, row) => row),
      labels: Int32Array.from({ length: examples }, (_, row) => labelOf(row)),
      metadata: {},
    }
  }

  /** Asks as a run of its own. */
  async function ask(
    requests: readonly MemberRequest[],
    { epochs = 1, signal = new AbortController().signal } = {},
  ) {
    const cluster = await openCluster(address, { store: store.folder, signal, log: () => {} })
    try {
      return await produceMembers(environment(cluster, epochs, signal), 'training', requests)
    } finally {
      await cluster.close()
    }
  }

  function startWorker(of: DiskArtefactStore) {
    const stop = new AbortController()
    stops.push(stop)
    const lines: string[] = []
    const ended = work(address, {
      store: of,
      workers: 1,
      signal: stop.signal,
      log: message => lines.push(message),
    })
    return {
      lines,
      async stop() {
        stop.abort()
        await ended
      },
    }
  }

  it('that cannot succeed is set aside with its reason, and tried anew by the next run', async () => {
    const worker = startWorker(store)
    const requests = [request(1, () => 7), request(2, row => row % 2)]
    const refused = 'member dense 1 failed: labels[0] is 7, outside 0 to 1'
    await expect(ask(requests)).rejects.toThrow(refused)
    const { setAside, workers } = await view.read()
    expect(workers).toHaveLength(1)
    expect(setAside).toMatchObject([
      {
        kind: 'train',
        title: 'dense 1',
        stage: 'train',
        reason: expect.stringContaining('labels[0] is 7, outside 0 to 1'),
        tries: 1,
      },
    ])
    await expect(ask(requests)).rejects.toThrow(refused)
    expect(worker.lines.filter(line => line === 'train dense 1 begun')).toHaveLength(2)
    await worker.stop()
  })

  it('that failed by accident is tried again later, and one whose artefact went is done again', async () => {
    const lost = startWorker(await openStore(join(folder, 'another-store')))
    const asked = ask([request(3, row => row % 2)])
    await vi.waitFor(async () => expect((await view.read()).retrying).toBe(1), 10_000)
    expect(lost.lines).toContainEqual(expect.stringContaining('the store of this worker has no inputs.npy'))
    await lost.stop()
    const worker = startWorker(store)
    const [made] = await asked
    expect(await store.find(made!.key)).toBeDefined()
    await rm(made!.folder, { recursive: true })
    const [again] = await ask([request(3, row => row % 2)])
    expect(again!.files).toEqual(made!.files)
    expect((await view.read()).perMinute).toBeGreaterThan(0)
    await worker.stop()
  })

  it('that a worker gives back when it is stopped waits for the next, until nobody wants it', async () => {
    const worker = startWorker(store)
    const stop = new AbortController()
    // It would go on for hours.
    const asked = ask([request(4, row => row % 2)], { epochs: 1e5, signal: stop.signal })
    await vi.waitFor(() => expect(worker.lines).toContain('train dense 4 begun'), 10_000)
    await worker.stop()
    expect(await view.read()).toMatchObject({ waiting: { train: 1 }, active: [] })
    stop.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
    expect((await view.read()).waiting).toEqual({})
  })
})
