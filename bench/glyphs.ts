/**
 * The main job as its users run it: the glyphs pipeline in the built package, from an empty folder to the report.
 *
 *     npm run build && npx tsx bench/glyphs.ts [--pipeline pipelines/glyphs.yaml] [--workers 2]
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import type { Headlines, Manifest } from '../src/index.js'
import { type Cost, costOf, measureApart } from './apart.js'

const { values: flags } = parseArgs({
  options: {
    pipeline: {
      type: 'string',
      default: fileURLToPath(new URL('../pipelines/glyphs.yaml', import.meta.url)),
    },
    workers: { type: 'string', default: String(availableParallelism()) },
    /** Folder of runs: this process runs the pipeline there and tells what that cost. */
    measure: { type: 'string' },
  },
})

interface Measurement {
  readonly cost: Cost
  readonly manifest: Manifest
}

const built = new URL('../dist/index.js', import.meta.url)

async function measure(out: string): Promise<Measurement> {
  const { run } = (await import(built.href)) as typeof import('../src/index.js')
  let manifest: Manifest | undefined
  const cost = await costOf(async () => {
    const finished = await run(flags.pipeline, { out, workers: Number(flags.workers) })
    manifest = finished.manifest
  })
  return { cost, manifest: manifest! }
}

function print({ cost, manifest }: Measurement): void {
  const table = new Table({ head: ['stage', 'seconds', 'share'], style: { head: [], border: [] } })
  const share = (seconds: number) => `${((100 * seconds) / cost.seconds).toFixed(1)} %`
  for (const { name, seconds } of manifest.stages) table.push([name, seconds!.toFixed(1), share(seconds!)])
  const rest = manifest.stages.reduce((left, { seconds }) => left - seconds!, cost.seconds)
  table.push(['hashing, storing, linking', rest.toFixed(1), share(rest)])
  table.push(['all', cost.seconds.toFixed(1), ''])
  const { score } = Object.fromEntries(
    manifest.stages.map(({ name, headline }) => [name, headline]),
  ) as Headlines
  console.log(
    `${manifest.pipeline}, ${manifest.workers} workers, ${cpus().length} × ${cpus()[0]?.model}, Node ${process.versions.node}`,
  )
  console.log(table.toString())
  console.log(
    [
      `${cost.cpuSeconds.toFixed(0)} s of processor time, at most ${Math.round(cost.peakBytes / 2 ** 20)} MB of memory`,
      ...(score?.truth
        ? [`average precision of label quality ${score.truth.averagePrecision.toFixed(3)}`]
        : []),
    ].join('; '),
  )
}

async function main(): Promise<void> {
  if (flags.measure !== undefined) {
    process.stdout.write(JSON.stringify(await measure(flags.measure)))
    return
  }
  if (!existsSync(built)) throw new Error('there is no dist/: npm run build')
  const out = await mkdtemp(join(tmpdir(), 'pieline-bench-'))
  try {
    const args = ['--measure', out, '--pipeline', flags.pipeline, '--workers', flags.workers]
    print(await measureApart<Measurement>(import.meta.url, args))
  } finally {
    await rm(out, { recursive: true })
  }
}

await main()
