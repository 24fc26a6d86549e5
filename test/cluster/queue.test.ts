/** What happens to jobs that fail, on a real Redis. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type ClusterAddress, parseAddress } from '../../src/cluster/address.js'
import { type ClusterView, viewCluster } from '../../src/cluster/state.js'
import { openCluster } from '../../src/cluster/store.js'
import { work } from '../../src/cluster/worker.js'
import { createPredictionPool } from '../../src/engine/onnxruntime/prediction-pool.js'
import { DataError } from '../../src/errors.js'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import { initialWeights } from '../../src/model/initialize.js'
import { exportOnnx } from '../../src/onnx/export.js'
import { decodeModel, encodeModel, nodeOf, tensorOf } from '../../src/onnx/model.js'
import type { Cluster } from '../../src/pipeline/cluster.js'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { writeNpy } from '../../src/pipeline/files.js'
import { keyOf } from '../../src/pipeline/key.js'
import { silentProgress } from '../../src/pipeline/progress.js'
import { noting } from '../../src/pipeline/roots.js'
import { type DiskArtefactStore, openStore } from '../../src/pipeline/store.js'
import { randomStream } from '../../src/random.js'
import { inMember, memberLogits } from '../../src/stages/member-logits.js'
import { type MemberEnvironment, type MemberRequest, produceMembers } from '../../src/training/members.js'
import { hasRedis, type RedisServer, startRedis } from './redis.js'

const examples = 64
const features = 4
const architecture = buildArchitecture(
  'mlp',
  { mean: new Float32Array(features), deviation: new Float32Array(features).fill(1) },
  { input: { kind: 'features', features }, classes: 2, width: 0.1, dropout: 0 },
)

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
    return {
      engine: 'onnxruntime',
      engineVersions: { test: '1' },
      architecture,
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
      metricsFile: join(folder, 'worker.prom'),
      log: (_, event, { kind, title, tries, error } = {}) =>
        lines.push([kind, title, event, tries, error].filter(Boolean).join(' ')),
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
    expect(worker.lines).toContain('train dense 1 job-set-aside 1 labels[0] is 7, outside 0 to 1')
    await expect(ask(requests)).rejects.toThrow(refused)
    expect(worker.lines.filter(line => line === 'train dense 1 job-begun')).toHaveLength(2)
    await worker.stop()
  })

  it('about a model that the runtime refuses is set aside at once, with its class of error', async () => {
    const network = exportOnnx(architecture, initialWeights(architecture, [1]), {})
    const model = decodeModel(network, 'model')
    // A graph that loads, and whose reshape no batch fits.
    model.graph.initializer.push(tensorOf('shape', [2], new BigInt64Array([7n, 13n])))
    const [last] = model.graph.node.slice(-1)
    const output = last!.output[0]!
    last!.output[0] = 'before'
    model.graph.node.push(nodeOf('Reshape', ['before', 'shape'], [output]))
    const artefact = await store.produce(keyOf('refused model'), made =>
      writeFile(join(made, 'model.onnx'), encodeModel(model)),
    )
    const file = join(artefact.folder, 'model.onnx')
    const signal = new AbortController().signal
    const cluster = await openCluster(address, { store: store.folder, signal, log: () => {} })
    const worker = startWorker(store)
    const pool = createPredictionPool(1)
    try {
      const asked = memberLogits(cluster.storeOf('predict', store), pool, {
        title: 'dense 9',
        model: file,
        inputs,
        inputsKey: 'test',
      })
      const error = await asked.catch(error => inMember(error, 'dense', 9, file))
      expect(error).toBeInstanceOf(DataError)
      expect((error as DataError).message).toMatch(
        /^member 9 of dense cannot predict: ONNX Runtime cannot run it/,
      )
      const { setAside } = await view.read()
      const [job] = setAside.filter(({ title }) => title === 'dense 9')
      expect(job).toMatchObject({ tries: 1, reason: expect.stringContaining('ONNX Runtime cannot run it') })
    } finally {
      await cluster.close()
      await worker.stop()
      await pool.close()
    }
    const metrics = await readFile(join(folder, 'worker.prom'), 'utf8')
    expect(metrics).toContain('pieline_worker_jobs_total{kind="predict",outcome="failed"} 1\n')
    expect(metrics).toContain('pieline_worker_set_aside_total 1\n')
    expect(metrics).toContain('pieline_worker_active_jobs{kind="predict"} 0\n')
  })

  it('that another run has asked for keeps what it reads as needed by the second run too', async () => {
    const stop = new AbortController()
    const noted: string[][] = []
    const clusters = await Promise.all(
      [0, 1].map(() => openCluster(address, { store: store.folder, signal: stop.signal, log: () => {} })),
    )
    const asked = []
    for (const cluster of clusters) {
      const keys: string[] = []
      noted.push(keys)
      const notingStore = noting(store, async key => void keys.push(key))
      const about = { ...environment(cluster, 1, stop.signal), store: cluster.storeOf('train', notingStore) }
      // Long enough that its weights are an artefact of their own.
      const long = { ...request(5, row => row % 2), weights: new Float32Array(2000).fill(1) }
      asked.push(produceMembers(about, 'training', [long]).catch(error => error))
      await vi.waitFor(async () => {
        expect((await view.read()).waiting).toEqual({ train: 1 })
        expect(new Set(keys).size).toBe(2)
      })
    }
    expect(new Set(noted[1])).toEqual(new Set(noted[0]))
    stop.abort(new Error('enough'))
    await Promise.all(asked)
    await Promise.all(clusters.map(cluster => cluster.close()))
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
    await vi.waitFor(() => expect(worker.lines).toContain('train dense 4 job-begun'), 10_000)
    await worker.stop()
    expect(await view.read()).toMatchObject({ waiting: { train: 1 }, active: [] })
    stop.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
    expect((await view.read()).waiting).toEqual({})
  })

  it('keeps no worker from ending while Redis is away', async () => {
    const worker = startWorker(store)
    await vi.waitFor(() => expect(worker.lines).toContain('ready'), 10_000)
    await redis.kill()
    await vi.waitFor(() => expect(worker.lines).toContain('redis-away'), 10_000)
    await worker.stop()
    await redis.start()
  })
})
