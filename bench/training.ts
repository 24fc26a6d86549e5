/**
 * Training throughput on the CPU: pieline on ONNX Runtime beside PyTorch at its best setting.
 *
 *     npx tsx bench/training.ts [--models mlp,cnn-small,wrn-16-1] [--rounds 5]
 *
 * "One core" is one member in training on one thread. "Machine" is as many members side by side as there are
 * cores, for PyTorch also one process on all threads, whichever is more. Both sides take turns in every round;
 * the best of the rounds counts for both, since whatever else runs on a machine only ever takes time away.
 */
import { once } from 'node:events'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import Table from 'cli-table3'
import { createOnnxRuntimeEngine } from '../src/engine/onnxruntime/index.js'
import { PeerProcess, peersPython } from './peers/python.js'
import type { TrainingAnswer, TrainingOrder } from './training-worker.js'

const { values: flags } = parseArgs({
  options: {
    models: { type: 'string', default: 'mlp,cnn-small,wrn-16-1' },
    rounds: { type: 'string', default: '5' },
  },
})
const models = flags.models.split(',')
const rounds = Number(flags.rounds)
const cores = availableParallelism()
const batchSize = 128
/** Steps that take about a second on one core of 2024. */
const stepsOf: Readonly<Record<string, number>> = { mlp: 500, 'cnn-small': 20, 'wrn-16-1': 5 }

/** One way to run PyTorch. */
interface TorchSetting {
  readonly channelsLast: boolean
  readonly compile: boolean
  readonly threads: number
  readonly processes: number
}

const describe = ({ channelsLast, compile, threads, processes }: TorchSetting): string =>
  [
    processes > 1 ? `${processes} processes` : `${threads} thread${threads > 1 ? 's' : ''}`,
    channelsLast ? 'channels_last' : 'contiguous',
    ...(compile ? ['compiled'] : []),
  ].join(', ')

/** Memory formats, and plain or compiled; an MLP has no memory format. */
const layouts = (model: string) =>
  (model === 'mlp' ? [false] : [false, true]).flatMap(channelsLast =>
    [false, true].map(compile => ({ channelsLast, compile })),
  )

interface Speed {
  /** Examples a second of all members that trained at the same time. */
  readonly throughput: number
  /** Processor seconds a step, where one member trained alone. */
  readonly cpuSeconds: number
}

const speedOf = (answers: readonly TrainingAnswer[], steps: number): Speed => ({
  throughput: answers.reduce((sum, { seconds }) => sum + (steps * batchSize) / seconds, 0),
  cpuSeconds: answers[0].cpuSeconds / steps,
})

const faster = (a: Speed, b: Speed): Speed => ({
  throughput: Math.max(a.throughput, b.throughput),
  cpuSeconds: Math.min(a.cpuSeconds, b.cpuSeconds),
})

const unmeasured: Speed = { throughput: 0, cpuSeconds: Number.POSITIVE_INFINITY }

/** A worker thread of a TypeScript file: Node hands its loaders on to no thread, so tsx registers there anew. */
function typescriptWorker(path: string): Worker {
  const [tsx, file] = [import.meta.resolve('tsx/esm/api'), new URL(path, import.meta.url).href]
  return new Worker(`import('${tsx}').then(({ register }) => (register(), import('${file}')))`, {
    eval: true,
  })
}

class Pieline {
  readonly #workers = Array.from({ length: cores }, () => typescriptWorker('./training-worker.ts'))

  async measure(model: string, members: number, steps: number): Promise<Speed> {
    const order: TrainingOrder = { model, batchSize, steps }
    const answers = this.#workers.slice(0, members).map(async worker => {
      const answer = once(worker, 'message')
      worker.postMessage(order)
      return (await answer)[0] as TrainingAnswer
    })
    return speedOf(await Promise.all(answers), steps)
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map(worker => worker.terminate()))
  }
}

/** PyTorch processes for one model: a change of threads would make its compiler start anew. */
class Torch {
  private constructor(
    readonly version: string,
    private readonly single: readonly PeerProcess[],
    private readonly multiple: PeerProcess,
  ) {}

  static async start(python: string): Promise<Torch> {
    const single = Array.from({ length: cores }, () => new PeerProcess(python, './train_torch.py', 1))
    const multiple = new PeerProcess(python, './train_torch.py', cores)
    const [{ version }] = await Promise.all(
      [...single, multiple].map(peer => peer.read<{ version: string }>()),
    )
    return new Torch(version, single, multiple)
  }

  async measure(model: string, setting: TorchSetting, steps: number): Promise<Speed> {
    const { processes, ...rest } = setting
    const order = { ...rest, model, batchSize, steps }
    const peers = setting.threads > 1 ? [this.multiple] : this.single.slice(0, processes)
    return speedOf(await Promise.all(peers.map(peer => peer.ask<TrainingAnswer>(order))), steps)
  }

  /**
   * The best settings on one core (least processor time) and on the machine (most examples a second: the best
   * of one core in as many processes, or one process with all threads).
   */
  async best(model: string, steps: number): Promise<{ oneCore: TorchSetting; machine: TorchSetting }> {
    const alone = layouts(model).map(layout => ({ ...layout, threads: 1, processes: 1 }))
    const oneCore = await this.fastest(model, alone, steps, ({ cpuSeconds }) => -cpuSeconds)
    const together = [{ ...oneCore, processes: cores }, ...alone.map(it => ({ ...it, threads: cores }))]
    const machine = await this.fastest(model, together, steps, ({ throughput }) => throughput)
    return { oneCore, machine }
  }

  /** Each setting is tried twice, for a fifth of the steps. */
  private async fastest(
    model: string,
    candidates: readonly TorchSetting[],
    steps: number,
    merit: (speed: Speed) => number,
  ): Promise<TorchSetting> {
    const few = Math.max(2, Math.ceil(steps / 5))
    let best = { setting: candidates[0], merit: Number.NEGATIVE_INFINITY }
    for (let trial = 0; trial < 2; trial++) {
      for (const setting of candidates) {
        const reached = merit(await this.measure(model, setting, few))
        if (reached > best.merit) best = { setting, merit: reached }
      }
    }
    return best.setting
  }

  close(): void {
    for (const peer of [...this.single, this.multiple]) peer.close()
  }
}

const pieline = new Pieline()
const python = peersPython()
let torchVersion = 'not installed'
const table = new Table({
  head: [
    'model',
    'cores',
    'pieline ms/step',
    'CPU ms',
    'examples/s',
    'PyTorch ms/step',
    'CPU ms',
    'examples/s',
    'setting',
    'ratio',
    'CPU ratio',
  ],
  style: { head: [], border: [] },
})

for (const model of models) {
  const steps = stepsOf[model] ?? 5
  const torch = python ? await Torch.start(python) : null
  torchVersion = torch?.version ?? torchVersion
  const best = await torch?.best(model, steps)
  const rows = [
    { members: 1, setting: best?.oneCore, ours: unmeasured, theirs: unmeasured },
    { members: cores, setting: best?.machine, ours: unmeasured, theirs: unmeasured },
  ]
  for (let round = 0; round < rounds; round++) {
    for (const row of rows) {
      row.ours = faster(row.ours, await pieline.measure(model, row.members, steps))
      if (torch && row.setting) {
        row.theirs = faster(row.theirs, await torch.measure(model, row.setting, steps))
      }
    }
  }
  torch?.close()
  for (const { members, setting, ours, theirs } of rows) {
    const cells = ({ throughput, cpuSeconds }: Speed) => [
      ((1000 * batchSize) / throughput).toFixed(2),
      members === 1 ? (1000 * cpuSeconds).toFixed(2) : '',
      Math.round(throughput),
    ]
    table.push([
      model,
      members,
      ...cells(ours),
      ...(setting
        ? [
            ...cells(theirs),
            describe(setting),
            (ours.throughput / theirs.throughput).toFixed(2),
            members === 1 ? (theirs.cpuSeconds / ours.cpuSeconds).toFixed(2) : '',
          ]
        : ['not installed', '', '', '', '', '']),
    ])
  }
}
await pieline.close()
console.log(
  `Training, batch ${batchSize}, best of ${rounds} rounds, ${cores} × ${cpus()[0]?.model}, Node ${process.versions.node}, ` +
    `ONNX Runtime ${createOnnxRuntimeEngine().version}, PyTorch ${torchVersion}`,
)
console.log(table.toString())
console.log(
  'ms/step: time in which the cores of the row get one batch done; CPU ms: processor time of it. ' +
    'Ratios above 1: pieline is faster.',
)
