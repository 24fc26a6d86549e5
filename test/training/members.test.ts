import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { copyFile, link, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { writeNpy } from '../../src/pipeline/files.js'
import { silentProgress } from '../../src/pipeline/progress.js'
import { openStore } from '../../src/pipeline/store.js'
import { randomStream } from '../../src/random.js'
import { type Patience, usualPatience } from '../../src/threads/pulse.js'
import {
  type MemberEnvironment,
  type MemberRequest,
  modelFile,
  type Pruning,
  produceMembers,
} from '../../src/training/members.js'
import { decodeState } from '../../src/training/state-file.js'

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

describe.skipIf(process.platform === 'win32')('a member whose thread hangs', () => {
  let pipe: string
  let spare: string
  beforeEach(async () => {
    pipe = join(folder, 'pipe.npy')
    spare = join(folder, 'spare')
    execFileSync('mkfifo', [pipe])
    await link(pipe, spare)
  })
  afterEach(async () => {
    // Lets go of the threads that wait for somebody to write.
    await (await open(spare, constants.O_RDWR | constants.O_NONBLOCK)).close()
    await rm(spare)
    await rm(pipe)
  })

  /** A member that learns from a file nobody answers for, as one of a server that went away. */
  async function learning(from: string, log: (message: string) => void, patience: Patience) {
    const dense = request(5, row => row % 2)
    const [teacher] = await produceMembers(await environment(1), 'training', [dense])
    if (from !== pipe) await copyFile(join(teacher!.folder, modelFile), from)
    const pruning: Pruning = {
      sparsity: 0.5,
      scope: 'global',
      begin: 1,
      end: 1,
      frequency: 1,
      start: 'fine-tune',
      epochs: 1,
      lessons: { strength: 1, dense: [{ file: from, key: teacher!.key }] },
    }
    const asked: MemberEnvironment = {
      ...(await environment(1)),
      store: await openStore(await mkdtemp(join(folder, 'store-'))),
      progress: { ...silentProgress, log },
      patience,
    }
    return produceMembers(asked, 'training', [{ ...dense, title: 'sparse 5', pruning }])
  }

  it('goes on on another thread, to the same bytes, and it is said so', async () => {
    const teacher = join(folder, 'teacher.onnx')
    const [undisturbed] = await learning(teacher, () => {}, usualPatience)
    const said: string[] = []
    const mend = (message: string) => {
      said.push(message)
      execFileSync('ln', ['-f', teacher, pipe])
    }
    const patience = {
      get first() {
        return said.length === 0 ? 4000 : usualPatience.first
      },
      least: 2000,
    }
    const [made] = await learning(pipe, mend, patience)
    expect(said).toEqual([
      expect.stringMatching(/^sparse 5: its thread got no further for \d+ s; it is given up/),
    ])
    expect(made!.key).toBe(undisturbed!.key)
    expect(made!.files).toEqual(undisturbed!.files)
  }, 180_000)

  it('fails by its name after three threads', async () => {
    await expect(learning(pipe, () => {}, { first: 2000, least: 2000 })).rejects.toThrow(
      /^member sparse 5 failed: its thread got no further for \d+ s, 3 times one after the other$/,
    )
  })
})

describe('a member with weighted examples', () => {
  it('learns nothing from those that weigh nothing', async () => {
    const weights = Float32Array.from({ length: examples }, (_, row) => (row % 4 === 0 ? 0 : 4 / 3))
    const labelOf = (row: number) => row % 2
    const weighted = { ...request(5, labelOf), weights }
    const otherLabels = {
      ...request(5, row => (weights[row] === 0 ? 1 - labelOf(row) : labelOf(row))),
      weights,
    }
    const requests = [weighted, otherLabels, request(5, labelOf)]
    const made = await produceMembers(await environment(2), 'training', requests)
    expect(new Set(made.map(({ key }) => key)).size).toBe(3)
    const [first, second, unweighted] = await Promise.all(
      made.map(({ folder }) => readFile(join(folder, modelFile))),
    )
    expect(second).toEqual(first)
    expect(unweighted).not.toEqual(first)
  })
})

describe('a pruned member that is trained on', () => {
  const pruning: Pruning = {
    sparsity: 0.8,
    scope: 'global',
    begin: 0.25,
    end: 0.75,
    frequency: 10,
    start: 'branch',
    epochs: 0,
  }
  const labelled = (changes: Partial<MemberRequest>): MemberRequest => ({
    ...request(5, row => row % 2),
    branches: [0.25],
    ...changes,
  })
  const kernelsOf = async (folder: string) =>
    decodeState(await readFile(join(folder, 'state.safetensors'))).weights.filter(({ name }) =>
      name.endsWith('/kernel'),
    )
  const zeros = (kernels: Awaited<ReturnType<typeof kernelsOf>>) =>
    kernels.map(({ data }) => Array.from(data, weight => weight === 0))

  it.each(['magnitude', 'first-order'] as const)(
    'keeps its zeros, of %s, and its teachers change it',
    async by => {
      const surroundings = await environment(10)
      const make = async (asked: MemberRequest) =>
        (await produceMembers(surroundings, 'training', [asked]))[0]!
      const dense = await make(labelled({ metadata: { level: 'dense' } }))
      const chosen: Pruning =
        by === 'magnitude'
          ? pruning
          : { ...pruning, criterion: { kind: 'first-order', preserve: 'class-balance', examples: 16 } }
      const untuned = await make(labelled({ pruning: chosen, metadata: { level: 'sparse' } }))
      const teachers = [{ file: join(dense.folder, modelFile), key: dense.key }]
      const tuned = (lessons: Pruning['lessons']) =>
        labelled({
          pruning: { ...chosen, epochs: 2, ...(lessons && { lessons }) },
          untunedLevel: 'sparse',
          metadata: { level: 'tuned' },
        })
      const found = [
        await make(tuned(undefined)),
        await make(tuned({ strength: 5, dense: teachers })),
        await make(tuned({ distillation: { temperature: 3, weight: 0.5 }, dense: teachers })),
      ]
      const expected = zeros(await kernelsOf(untuned.folder))
      const share = expected.flat().filter(Boolean).length / expected.flat().length
      expect(share).toBeCloseTo(0.8, 2)
      const bytes = new Set<string>()
      for (const { folder: at } of found) {
        const kernels = await kernelsOf(at)
        expect(zeros(kernels)).toEqual(expected)
        bytes.add(kernels.map(({ data }) => Buffer.from(data.buffer).toString('hex')).join())
      }
      expect(bytes.size).toBe(3)
      expect((await make(labelled({ pruning: chosen, metadata: { level: 'sparse' } }))).reused).toBe(true)
    },
  )
})
