/** `pieline init`: looks at a data set and writes a pipeline that fits it. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { type DatasetFindings, datasetFindings } from '../dataset/findings.js'
import type { IngestPlan } from '../dataset/plan.js'
import { ConfigError } from '../errors.js'
import type { DatasetConfig } from '../pipeline/config.js'
import { parsePipeline } from '../pipeline/load.js'
import { count, counted } from '../report/format.js'
import { styleFor } from '../terminal/style.js'
import { datasetAt, type FoundDataset } from './dataset-at.js'
import { examples, jsonOption } from './options.js'
import { inputText, pipelineText } from './pipeline-text.js'
import type { RunCost } from './run-cost.js'

const fileName = 'pieline.yaml'

interface Flags {
  readonly label?: string
  readonly yes?: true
  readonly force?: true
  readonly json?: true
}

export function initCommand(): Command {
  return new Command('init')
    .description(`look at a data set and write ${fileName}, a pipeline that fits it`)
    .argument(
      '[path]',
      'Parquet, Arrow, CSV or annotation file, or a folder of images with a folder for each class',
      '.',
    )
    .option('-l, --label <column>', 'column of the label; found by its name when absent')
    .option('-y, --yes', 'ask nothing: where several columns may be the label, take the likeliest')
    .option('-f, --force', `overwrite ${fileName}`)
    .addOption(jsonOption('print what was found as JSON'))
    .addHelpText(
      'after',
      examples(
        ['pieline init images/', 'images/cat/1.png, images/dog/2.png, …'],
        ['pieline init train.parquet', 'with test.parquet beside it, if there is one'],
        ['pieline init data.csv --label species', 'columns of numbers, or of paths'],
      ),
    )
    .action(async (path: string, flags: Flags) => {
      if (existsSync(fileName) && !flags.force) {
        throw new ConfigError('is there already', { file: fileName, mend: 'Overwrite it with --force.' })
      }
      const { dataset, plan, doubts, isGuess } = await look(path, flags)
      const found = datasetFindings(plan)
      const text = pipelineText(path, dataset, plan.parts[0].description.format, plan.input, found)
      const workers = availableParallelism()
      const cost = await costOfText(text, plan, found, workers)
      await writeFile(fileName, text)
      const { costText, totalSeconds } = await import('./run-cost.js')
      if (flags.json) {
        const { train, test, classes, sizes, unusable: odd, copies, alike } = found
        const said = {
          file: resolve(fileName),
          train,
          test,
          label: dataset.label,
          classes,
          input: plan.input,
        }
        const costs = { workers, seconds: totalSeconds(cost), memoryBytes: cost.memory }
        console.log(JSON.stringify({ ...said, sizes, odd, copies, alike, ...costs }))
        return
      }
      const style = styleFor(process.stdout)
      for (const line of findingLines(plan, found)) console.log(`  ${line}`)
      if (doubts.length > 0) {
        const others = doubts.slice(0, namedClasses).join(', ')
        console.log(`  the label is ${dataset.label}; ${others} may be meant too (--label)`)
      }
      if (isGuess)
        console.log(`  the label is ${dataset.label}, the only column of text (--label names another)`)
      console.log(`\n  the run: ${costText(totalSeconds(cost), cost.memory, workers)}`)
      console.log(`\n${style('bold', fileName)} is written. Go on with:  ${style('bold', 'pieline run')}`)
    })
}

interface Look {
  readonly dataset: DatasetConfig
  readonly plan: IngestPlan
  readonly doubts: FoundDataset['doubts']
  readonly isGuess: boolean
}

/** Reads the data set once. */
async function look(path: string, { label, yes, json }: Flags): Promise<Look> {
  const [{ planIngest }, { reporterFor }] = await Promise.all([
    import('../dataset/plan.js'),
    import('../terminal/progress.js'),
  ])
  const { pipeline, doubts, isGuess } = await datasetAt(path, { label, mayAsk: !yes && !json })
  const { dataset } = pipeline
  const reporter = reporterFor(process.stderr)
  try {
    let done = 0
    let total = 0
    let reading = ''
    const progress = () =>
      reporter.observe({ event: 'progress', stage: 'ingest', label: reading, done, total })
    reporter.observe({ event: 'stage-started', stage: 'ingest' })
    // What is odd is to be said, not to end the look.
    const looking = { ...dataset, onBadExample: 'skip' as const }
    const plan = await planIngest(looking, {
      crossFit: 0,
      seed: 0,
      signal: new AbortController().signal,
      start(part, rows) {
        reading = `reading the ${part === 'train' ? 'training' : 'test'} data`
        total = rows
        done = 0
        progress()
      },
      advance(rows) {
        done += rows
        progress()
      },
      log() {},
    })
    return { dataset, plan, doubts, isGuess }
  } finally {
    reporter.end()
  }
}

/** What the written pipeline will cost here. */
async function costOfText(
  text: string,
  { input }: IngestPlan,
  { train, test, classes }: DatasetFindings,
  workers: number,
): Promise<RunCost> {
  const pipeline = parsePipeline(text, fileName)
  const held = pipeline.dataset.test === undefined ? Math.round(train * pipeline.dataset.testShare) : 0
  const shape = {
    input,
    classes: classes.length,
    trainExamples: train - held,
    testExamples: test + held,
  }
  const { costOf } = await import('./run-cost.js')
  return costOf(pipeline, shape, workers)
}

/** Odd examples shown to a person. */
const shownOdd = 3
/** Classes named one by one. */
const namedClasses = 10
/** A class with fewer examples than this can hardly be judged. */
const scarceClass = 10

function findingLines({ input, parts: [{ description }] }: IngestPlan, found: DatasetFindings): string[] {
  const { train, test, classes, unusable, copies, alike } = found
  const counts = classes.map(({ examples }) => examples)
  const names = classes.slice(0, namedClasses).map(({ name }) => name)
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  const range = least === most ? count(least) : `${count(least)} to ${count(most)}`
  const lines = [
    `${counted(train, 'training example')}, ${test === 0 ? 'none' : count(test)} for testing`,
    `${counted(classes.length, 'class', 'classes')} with ${range} examples each: ${names.join(', ')}${classes.length > names.length ? ', …' : ''}`,
    `${inputText(input)} (format ${description.format})${sizesText(found)}`,
  ]
  const scarce = classes.filter(({ examples }) => examples < scarceClass)
  if (scarce.length > 0) {
    const some = scarce.slice(0, namedClasses).map(({ name, examples }) => `${name} (${examples})`)
    lines.push(`few examples of ${some.join(', ')}${scarce.length > some.length ? ', …' : ''}`)
  }
  for (const group of alike) lines.push(`classes of almost the same name: ${group.join(', ')}`)
  if (copies.examples > 0) {
    const { examples, conflicting, acrossParts } = copies
    const details = [
      ...(conflicting > 0 ? [`${count(conflicting)} of the same content have different labels`] : []),
      ...(acrossParts > 0 ? [`${count(acrossParts)} for testing are among the training data too`] : []),
    ]
    lines.push([counted(examples, 'exact copy', 'exact copies'), ...details].join('; '))
  }
  lines.push(...unusable.slice(0, shownOdd))
  if (unusable.length > shownOdd) lines.push(`… and ${count(unusable.length - shownOdd)} more odd examples`)
  return lines
}

/** How large images are that are not all of one size. */
function sizesText({ sizes }: DatasetFindings): string {
  if (sizes.length < 2) return ''
  const text = ({ width, height }: DatasetFindings['sizes'][number]) => `${width}×${height}`
  const bySize = [...sizes].sort((a, b) => a.height * a.width - b.height * b.width)
  return `, from ${count(sizes.length)} sizes, ${text(bySize[0])} to ${text(bySize[bySize.length - 1])}, most often ${text(sizes[0])}`
}
