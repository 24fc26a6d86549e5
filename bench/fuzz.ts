/**
 * Damages small samples of every format that pieline reads, a thousand times and more each, and holds what comes of
 * it: a right reading or a clear refusal with the right exit code; no hang, no crash, nothing that looks whole and is
 * not. A format is read in a process of its own, so that whatever ends it is seen.
 *
 *     npm run bench:fuzz -- [--mutations 1000] [--seed 1] [--formats parquet,npy] [--first 0] [--verbose]
 */
import { fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type FuzzedFormat, type Outcome, type Sample, tryCase } from '../test/fuzz/case.js'
import { formats } from '../test/fuzz/formats.js'

const { values: flags } = parseArgs({
  options: {
    mutations: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    formats: { type: 'string' },
    /** Number of the first mutation, to see one again. */
    first: { type: 'string', default: '0' },
    verbose: { type: 'boolean', default: false },
    /** The format that this process reads. */
    child: { type: 'string' },
  },
})

/** After so many seconds on a busy machine a reading counts as hung. */
const patience = 120
/** More memory than so many bytes on top of what the process had is more than a small file may take. */
const mostMemory = 1 << 30

interface Report extends Outcome {
  readonly number: number
  readonly seconds: number
  /** Bytes by which the most memory that the process ever held grew. */
  readonly grown: number
}

async function readHere(name: string, first: number, end: number): Promise<void> {
  const format = formats.find(format => format.name === name)!
  const folder = await mkdtemp(join(tmpdir(), 'pieline-fuzz-'))
  try {
    const samples: readonly Sample[] = await format.samples(folder)
    for (const sample of samples) await sample.read()
    process.send!('ready')
    let peak = process.resourceUsage().maxRSS
    for (let number = first; number < end; number++) {
      const began = performance.now()
      const outcome = await tryCase(format, samples, Number(flags.seed), number)
      const { maxRSS } = process.resourceUsage()
      const seconds = (performance.now() - began) / 1000
      process.send!({ ...outcome, number, seconds, grown: 1024 * (maxRSS - peak) } satisfies Report)
      peak = maxRSS
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Reads numbers from `first` on in a new process. @returns why it ended early, if it did */
function readApart(
  { name }: FuzzedFormat,
  first: number,
  end: number,
  hear: (report: Report) => void,
): Promise<string | undefined> {
  const args = [
    '--child',
    name,
    '--seed',
    flags.seed,
    '--first',
    String(first),
    '--mutations',
    String(end - first),
  ]
  const child = fork(fileURLToPath(import.meta.url), args, { execArgv: process.execArgv })
  return new Promise(resolve => {
    let hung = false
    const wait = (seconds: number) =>
      setTimeout(() => {
        hung = true
        child.kill('SIGKILL')
      }, seconds * 1000)
    // Loading everything and writing the samples may take its time.
    let timer = wait(10 * patience)
    let isReady = false
    child.on('message', (message: 'ready' | Report) => {
      clearTimeout(timer)
      timer = wait(patience)
      if (message === 'ready') isReady = true
      else hear(message)
    })
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      if (!isReady) throw new Error(`the whole samples of ${name} cannot be read`)
      resolve(hung ? 'hung' : code === 0 ? undefined : `the process ended by ${signal ?? `code ${code}`}`)
    })
  })
}

async function main(): Promise<void> {
  const wanted = flags.formats?.split(',')
  const first = Number(flags.first)
  const end = first + Number(flags.mutations)
  let failures = 0
  console.log('| format | mutations | read | refused | failed | slowest, s | most memory, MB |')
  console.log('| --- | --- | --- | --- | --- | --- | --- |')
  for (const format of formats) {
    if (wanted !== undefined && !wanted.includes(format.name)) continue
    const counts = { read: 0, refused: 0, failed: 0 }
    let [next, slowest, most] = [first, 0, 0]
    const fail = (number: number, reason: string) => {
      counts.failed++
      process.stderr.write(`${format.name} ${number}: ${reason}\n`)
    }
    while (next < end) {
      const ended = await readApart(
        format,
        next,
        end,
        ({ number, outcome, damage, reason, seconds, grown }) => {
          next = number + 1
          slowest = Math.max(slowest, seconds)
          most = Math.max(most, grown)
          if (outcome === 'failed') fail(number, `${damage}: ${reason}`)
          else if (grown > mostMemory) fail(number, `${damage}: took ${Math.round(grown / 1e6)} MB`)
          else counts[outcome]++
          if (flags.verbose) process.stderr.write(`${format.name} ${number} ${outcome}: ${damage}\n`)
        },
      )
      if (ended !== undefined) fail(next++, ended)
    }
    failures += counts.failed
    const { read, refused, failed } = counts
    console.log(
      `| ${format.name} | ${end - first} | ${read} | ${refused} | ${failed} | ${slowest.toFixed(1)} | ${Math.round(most / 1e6)} |`,
    )
  }
  if (failures > 0) process.exitCode = 1
}

if (flags.child === undefined) await main()
else {
  const first = Number(flags.first)
  await readHere(flags.child, first, first + Number(flags.mutations))
  process.exit(0)
}
