/**
 * Kills a small real pipeline with SIGKILL at random moments over all of its stages, goes on with it each time, and
 * holds what comes out to an undisturbed run, byte for byte.
 *
 *     npm run bench:kill -- [--moments 100] [--seed 1] [--workers 2]
 *
 * A run is started anew until it ends; in each of its stages, and before the first, it is killed once, at a share of
 * the stage's usual time that the seed draws. After every kill each artefact that looks whole is hashed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { RunEvent } from '../src/pipeline/events.js'
import { hashOfFile } from '../src/pipeline/files.js'
import { randomStream } from '../src/random.js'

const { values: flags } = parseArgs({
  options: {
    moments: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
  },
})

const program = fileURLToPath(new URL('../dist/cli.js', import.meta.url))
if (!existsSync(program)) throw new Error('there is no dist/: npm run build')
const folder = await mkdtemp(join(tmpdir(), 'pieline-kill-'))
const pipeline = join(folder, 'small.yaml')

/** Every stage that a pipeline can have without files from elsewhere, each of them with little to do. */
await writeFile(
  pipeline,
  `name: small
dataset: { path: ${fileURLToPath(new URL('../data/glyphs/train.parquet', import.meta.url))}, trueLabel: true_label, limit: 240, testShare: 0.25 }
model: { architecture: cnn-fast, width: 0.06, epochs: 2, batchSize: 32, flip: none }
population: { seeds: 2, crossFit: 2 }
compress:
  - { method: magnitude, sparsity: 0.9, start: branch, begin: 0.4, frequency: 5 }
  - { method: int8-static, calibrationExamples: 16 }
robustness: { corruptions: [fog, contrast], severities: [1, 5], examples: 20 }
retrain: { seeds: 2, arms: [all, cleaned] }
`,
)

/** Where a kill came: a stage, or what lies before the first of them and between two. */
type Place = string
const before = 'reading and planning'
const between = 'between two stages'

function start(out: string): ChildProcess {
  const args = [program, 'run', pipeline, '--out', out, '--workers', flags.workers, '--json']
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

interface Attempt {
  /** Absent: the run came to its end first. */
  readonly killedIn?: Place
  readonly code: number | null
}

/** Runs until the end, or until `delay` milliseconds after `target` has begun. */
async function attempt(out: string, target: Place, delay: () => number): Promise<Attempt> {
  const child = start(out)
  const gone = new Promise<number | null>(resolve => child.once('exit', resolve))
  let place = before
  let killedIn: Place | undefined
  let timer: NodeJS.Timeout | undefined
  const aim = () => {
    timer = setTimeout(() => {
      if (child.exitCode === null && child.kill('SIGKILL')) killedIn = place
    }, delay())
  }
  if (target === before) aim()
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line) as RunEvent
    if (event.event === 'stage-started') place = event.stage
    if (event.event === 'stage-finished' || event.event === 'run-started') place = between
    if (event.event === 'stage-started' && event.stage === target) aim()
  }
  const code = await gone
  clearTimeout(timer)
  return { code, ...(code === null && killedIn !== undefined && { killedIn }) }
}

/** Path and SHA-256 of every file in the run that finished, but for the manifest, which knows the time. */
async function bytesOf(out: string): Promise<Record<string, string>> {
  const runs = join(out, 'small')
  const run = join(runs, await readlink(join(runs, 'latest')))
  const hashes: Record<string, string> = {}
  for (const entry of await readdir(run, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'manifest.json') continue
    const path = join(entry.parentPath, entry.name)
    hashes[path.slice(run.length + 1).replaceAll(sep, '/')] = await hashOfFile(path)
  }
  return hashes
}

interface StoreState {
  /** Artefacts in their places. */
  readonly whole: number
  /** Of them, those with a file that is not what the inventory says. */
  readonly damaged: number
  /** Folders of what was being made. */
  readonly halfMade: number
}

/** Looks into the store as the kill left it, without the store's own code, which would mend it. */
async function storeState(out: string): Promise<StoreState> {
  const store = join(out, 'store')
  const names = await readdir(store).catch(() => [])
  const keys = names.filter(name => /^[0-9a-f]{64}$/.test(name))
  let damaged = 0
  for (const key of keys) {
    const inventory = JSON.parse(await readFile(join(store, key, 'artefact.json'), 'utf8')) as {
      readonly files: readonly { readonly path: string; readonly sha256: string }[]
    }
    const hashes = await Promise.all(inventory.files.map(({ path }) => hashOfFile(join(store, key, path))))
    if (inventory.files.some(({ sha256 }, at) => sha256 !== hashes[at])) damaged++
  }
  return {
    whole: keys.length,
    damaged,
    halfMade: names.filter(name => name.startsWith('.making.')).length,
  }
}

/** What an undisturbed run writes, and how long each of its parts takes, in milliseconds. */
async function undisturbed(): Promise<{ bytes: Record<string, string>; times: Map<Place, number> }> {
  const out = join(folder, 'undisturbed')
  const times = new Map<Place, number>()
  const child = start(out)
  const gone = new Promise<number | null>(resolve => child.once('exit', resolve))
  let last = performance.now()
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line) as RunEvent
    if (!['run-started', 'stage-started', 'stage-finished'].includes(event.event)) continue
    const now = performance.now()
    if (event.event === 'run-started') times.set(before, now - last)
    if (event.event === 'stage-finished') times.set(event.stage, now - last)
    last = now
  }
  const code = await gone
  if (code !== 0) throw new Error(`the undisturbed run ended with code ${code}`)
  return { bytes: await bytesOf(out), times }
}

const expected = await undisturbed()
const random = randomStream('kill', Number(flags.seed))
const wanted = Number(flags.moments)
const tally = new Map<Place, { moments: number; recoveries: number; halfMade: number }>(
  [...expected.times.keys(), between].map(place => [place, { moments: 0, recoveries: 0, halfMade: 0 }]),
)
let [moments, recoveries, halfMade, hashed, damaged, runs, equal] = [0, 0, 0, 0, 0, 0, 0]
const began = performance.now()

while (moments < wanted) {
  const out = join(folder, `run-${runs}`)
  let killedIn: Place | undefined
  const settle = (code: number | null) => {
    if (code !== null && code !== 0)
      throw new Error(`the run after a kill in ${killedIn} ended with code ${code}`)
    if (killedIn === undefined) return
    recoveries++
    tally.get(killedIn)!.recoveries++
    killedIn = undefined
  }
  let ended = false
  for (const [target, usual] of expected.times) {
    if (moments >= wanted || ended) break
    const share = random.uniform()
    const result = await attempt(out, target, () => share * usual)
    settle(result.code)
    ended = result.killedIn === undefined
    if (result.killedIn === undefined) break
    moments++
    killedIn = result.killedIn
    const state = await storeState(out)
    hashed += state.whole
    damaged += state.damaged
    halfMade += state.halfMade
    const row = tally.get(killedIn)!
    row.moments++
    row.halfMade += state.halfMade
    process.stderr.write(`${moments} ${killedIn}: ${state.whole} whole, ${state.halfMade} half made\n`)
  }
  if (!ended) settle((await attempt(out, 'nowhere', () => 0)).code)
  const bytes = await bytesOf(out)
  const paths = Object.keys(expected.bytes)
  const same = paths.filter(path => bytes[path] === expected.bytes[path]).length
  if (same === paths.length && Object.keys(bytes).length === paths.length) equal++
  else process.stderr.write(`run ${runs}: ${same} of ${paths.length} files are the same\n`)
  const left = await storeState(out)
  if (left.halfMade > 0) throw new Error(`${left.halfMade} half-made artefacts outlived run ${runs}`)
  await rm(out, { recursive: true })
  runs++
}

console.log('| killed in | moments | went on | half-made artefacts left |')
console.log('| --- | --- | --- | --- |')
for (const [place, row] of tally) {
  console.log(`| ${place} | ${row.moments} | ${row.recoveries} | ${row.halfMade} |`)
}
console.log(`| **all** | ${moments} | ${recoveries} | ${halfMade} |`)
const files = Object.keys(expected.bytes).length
console.log(
  `\n${runs} runs, ${equal} of them with the same bytes as the undisturbed one in all ${files} files; ` +
    `${hashed} artefacts hashed after the kills, ${damaged} damaged; ` +
    `seed ${flags.seed}, ${((performance.now() - began) / 60_000).toFixed(1)} minutes.`,
)
await rm(folder, { recursive: true })
if (recoveries !== moments || equal !== runs || damaged > 0) process.exitCode = 1
