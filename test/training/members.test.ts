import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { writeNpy } from '../../src/pipeline/files.js'
import { silentProgress } from '../../src/pipeline/progress.js'
import { openStore } from '../../src/pipeline/store.js'
import { randomStream } from '../../src/random.js'
import { type MemberEnvironment, type MemberRequest, produceMembers } from '../../src/training/members.js'

const examples = 64
const features = 4

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-members-'))
  const random = randomStream('members')
  const values = Float32Array.from({ length: examples * features }, () => random.normal())
  await writeNpy(join(folder, 'inputs.npy'), { dtype: 'float32', shape: [features] }, [values])
})
afterAll(() => rm(folder, { recursive: true }))

async function environment(epochs: number): Promise<MemberEnvironment> {
  const normalization = {
    mean: new Float32Array(features),
    deviation: new Float32Array(features).fill(1),
  }
  return {
    engine: 'onnxruntime',
    engineVersions: { test: '1' },
    architecture: buildArchitecture('mlp', normalization, {
      input: { kind: 'features', features },
      classes: 2,
      width: 0.1,
      dropout: 0,
    }),
    model: pipelineSchema.parse({ name: 'x', dataset: { path: '' }, model: { epochs, batchSize: 8 } }).model,
    inputs: join(folder, 'inputs.npy'),
    inputsKey: 'test',
    store: await openStore(join(folder, 'store')),
    workers: 2,
    progress: silentProgress,
    signal: new AbortController().signal,
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

describe('produceMembers', () => {
  it('names the member that failed, not those that it stopped', async () => {
    // The first would go on for hours.
    const requests = [request(0, row => row % 2), request(1, () => 7)]
    await expect(produceMembers(await environment(1e5), 'training', requests)).rejects.toThrow(
      'member dense 1 failed: labels[0] is 7, outside 0 to 1',
    )
  })

  it('gives members in the order asked for, and finds them the second time', async () => {
    const requests = [3, 2, 1].map(seed => request(seed, row => row % 2))
    const made = await produceMembers(await environment(1), 'training', requests)
    expect(made.map(({ reused }) => reused)).toEqual([false, false, false])
    expect(new Set(made.map(({ key }) => key)).size).toBe(3)
    const found = await produceMembers(await environment(1), 'training', [requests[1], requests[0]])
    expect(found.map(({ key, reused }) => [key, reused])).toEqual([
      [made[1].key, true],
      [made[0].key, true],
    ])
  })
})
