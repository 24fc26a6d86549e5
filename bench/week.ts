/**
 * A week of nightly turns on data that grow by a tenth every day and go bad on the fifth: what each turn cost, what it
 * said, and where the gate closed. `npx tsx bench/week.ts`; a table as Markdown.
 *
 * Three clouds in the plane. On the fifth day 25 of the 60 new examples come with the label of another class; on the
 * sixth the labels are mended; on the seventh nothing changes.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newsText, outcomeText } from '../src/gates/words.js'
import { randomStream } from '../src/random.js'
import { runOnce } from '../src/schedule/scheduler.js'
import { costOf } from './apart.js'

const folder = await mkdtemp(join(tmpdir(), 'pieline-week-'))
const [first, daily, wrongOnFifth] = [600, 60, 25]

async function writeData(rows: number, wrong: number): Promise<void> {
  const lines = Array.from({ length: rows }, (_, row) => {
    const random = randomStream('week', row)
    const label = row % 3
    const [x, y] = [label * 3 + random.uniform() * 2, (label === 1 ? 3 : 0) + random.uniform() * 2]
    return `e${row},${x},${y},${'abc'[row >= rows - wrong ? (label + 1) % 3 : label]}`
  })
  await writeFile(join(folder, 'data.csv'), `id,x,y,label\n${lines.join('\n')}\n`)
}

await writeFile(
  join(folder, 'nightly.yaml'),
  `name: nightly
dataset: { path: data.csv, testShare: 0.2, id: id }
model: { architecture: mlp, epochs: 30, batchSize: 16 }
population: { seeds: 4, crossFit: 4 }
compress: [{ method: float16 }]
gates: [noiseRate < 2 %, newIssues <= 10, duplicatesAcrossSplits == 0, worstClassRecall > 0.8]
`,
)

console.log('| day | examples | wall s | CPU s | outcome | what it said |')
console.log('| --- | --- | --- | --- | --- | --- |')
for (let day = 1; day <= 7; day++) {
  const examples = first + daily * Math.min(day - 1, 5)
  await writeData(examples, day === 5 ? wrongOnFifth : 0)
  let results: Awaited<ReturnType<typeof runOnce>> = []
  const { seconds, cpuSeconds } = await costOf(async () => {
    results = await runOnce([join(folder, 'nightly.yaml')], {
      out: join(folder, 'runs'),
      signal: new AbortController().signal,
      log: () => {},
    })
  })
  const [result] = results
  if (result.outcome !== 'passed' && result.outcome !== 'gate') throw new Error(result.outcome)
  const { verdict } = result.checked
  const failed = verdict.gates.filter(({ outcome }) => outcome === 'failed').map(({ reason }) => reason)
  const said = newsText(verdict).replace(/ Since [^:]*:/, ' Since the last good run:')
  const outcome = [outcomeText(verdict), ...failed].join('; ')
  console.log(
    `| ${day} | ${examples} | ${seconds.toFixed(1)} | ${cpuSeconds.toFixed(1)} | ${outcome} | ${said} |`,
  )
}
await rm(folder, { recursive: true })
