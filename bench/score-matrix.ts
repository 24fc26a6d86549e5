/**
 * What `pieline score` costs on one matrix of predictions, from `.npy` to Parquet, beside cleanlab's search for label
 * issues by its default (all in memory) and in batches (`find_label_issues_batched`).
 *
 *     npm run build && npx tsx bench/score-matrix.ts [--examples 1000000] [--classes 100] [--package dist]
 *
 * Each in a process of its own, one after the other. What is loaded before is not counted as time. The package is the
 * built one, in `--package`: threads of the source itself would translate TypeScript, each anew.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import Table from 'cli-table3'
import { type Cost, costOf, measureApart } from './apart.js'
import { peersPython } from './peers/python.js'

const { values } = parseArgs({
  options: {
    examples: { type: 'string', default: '1000000' },
    classes: { type: 'string', default: '100' },
    package: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    measure: { type: 'string' },
  },
})

async function main(): Promise<void> {
  const python = peersPython()
  if (python === null) throw new Error('the peers are not installed: bench/peers/setup')
  const folder = await mkdtemp(join(tmpdir(), 'pieline-bench-'))
  const script = fileURLToPath(new URL('./peers/score_matrix.py', import.meta.url))
  const peer = async (what: string) =>
    (await promisify(execFile)(python, [script, what, folder, values.examples, values.classes])).stdout
  const table = new Table({
    head: ['what', 'seconds', 'CPU seconds', 'peak memory, MB'],
    style: { head: [], border: [] },
  })
  try {
    await peer('make')
    const rows: [string, Cost][] = [
      [
        'pieline',
        await measureApart<Cost>(import.meta.url, ['--measure', folder, '--package', values.package]),
      ],
      ['cleanlab, default', JSON.parse(await peer('default'))],
      ['cleanlab, in batches', JSON.parse(await peer('batched'))],
    ]
    for (const [what, { seconds, cpuSeconds, peakBytes }] of rows) {
      table.push([what, seconds.toFixed(1), cpuSeconds.toFixed(1), Math.round(peakBytes / 2 ** 20)])
    }
  } finally {
    await rm(folder, { recursive: true })
  }
  console.log(`${values.examples} examples, ${values.classes} classes`)
  console.log(table.toString())
}

if (values.measure === undefined) await main()
else {
  const [matrix, labels, out] = ['p.npy', 'y.npy', 'scores'].map(name => join(values.measure!, name))
  const built = pathToFileURL(resolve(values.package, 'predictions/score-predictions.js'))
  const { scorePredictions }: typeof import('../src/predictions/score-predictions.js') = await import(
    built.href
  )
  process.stdout.write(JSON.stringify(await costOf(() => scorePredictions({ matrix, labels, out }))))
}
