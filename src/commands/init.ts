/** `pieline init`: looks at a data set and writes a pipeline that fits it. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, dirname, extname, relative, resolve, sep } from 'node:path'
import { Command } from 'commander'
import { stringify } from 'yaml'
import type { IngestPlan } from '../dataset/plan.js'
import { ConfigError, DataError } from '../errors.js'
import type { DatasetConfig } from '../pipeline/config.js'
import { resolvePipeline } from '../pipeline/load.js'
import { recommendModel } from '../pipeline/recommend.js'
import { count, counted } from '../report/format.js'
import { styleFor } from '../terminal/style.js'
import { examples, jsonOption } from './options.js'

const fileName = 'pieline.yaml'

interface Flags {
  readonly label?: string
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
      const { dataset, plan } = await look(path, flags.label)
      const text = pipelineText(path, dataset, plan)
      await writeFile(fileName, text)
      const [train, test] = examplesOf(plan)
      if (flags.json) {
        const classes = classCounts(plan)
        console.log(
          JSON.stringify({
            file: resolve(fileName),
            train,
            test,
            classes,
            input: plan.input,
            odd: oddExamples(plan),
          }),
        )
        return
      }
      const style = styleFor(process.stdout)
      for (const line of findings(plan)) console.log(`  ${line}`)
      console.log(
        `\n${style('bold', fileName)} is written. Go on with:  ${style('bold', 'pieline run')}  (--dry-run says how long it takes)`,
      )
    })
}

/** Reads the data set once. */
async function look(
  path: string,
  label: string | undefined,
): Promise<{ dataset: DatasetConfig; plan: IngestPlan }> {
  const [{ detectData, guessColumns }, { openReader }, { planIngest }, { reporterFor }] = await Promise.all([
    import('../dataset/detect.js'),
    import('../dataset/open.js'),
    import('../dataset/plan.js'),
    import('../terminal/progress.js'),
  ])
  const places = await detectData(path)
  const datasetOf = (columns: Partial<DatasetConfig>) =>
    resolvePipeline({ name: 'init', dataset: { ...places, ...columns } }, '.').dataset
  const description = await (await openReader(datasetOf({}), 'train')).describe()
  const guessed = guessColumns(description)
  const column = label ?? guessed.label
  if (column === undefined) {
    throw new DataError('no column looks like a label', {
      file: places.path,
      mend: `Name it with --label. The columns are ${description.columns.map(({ name }) => name).join(', ')}.`,
    })
  }
  const { trueLabel, id } = guessed
  const dataset = datasetOf({
    label: column,
    ...(trueLabel !== undefined && trueLabel !== column && { trueLabel }),
    ...(id !== undefined && id !== column && { id }),
  })
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
    return { dataset, plan }
  } finally {
    reporter.end()
  }
}

/** Examples for training and for testing. */
function examplesOf({ parts }: IngestPlan): [train: number, test: number] {
  const counts = parts.map(({ classes }) => classes.reduce((sum, label) => sum + (label >= 0 ? 1 : 0), 0))
  return [counts[0], counts[1] ?? 0]
}

function classCounts({ parts: [train], classes }: IngestPlan): { name: string; examples: number }[] {
  const counts = new Array<number>(classes.names.length).fill(0)
  for (const label of train.classes) if (label >= 0) counts[label]++
  return classes.names.map((name, index) => ({ name, examples: counts[index] }))
}

function inputText({ input }: IngestPlan): string {
  if (input.kind === 'features') return counted(input.features, 'numeric feature')
  return `images, ${input.width}×${input.height}, ${input.channels === 1 ? 'grey' : 'colour'}`
}

function findings(plan: IngestPlan): string[] {
  const [train, test] = examplesOf(plan)
  const counts = classCounts(plan)
  const sizes = counts.map(({ examples }) => examples)
  const names = counts.slice(0, 10).map(({ name }) => name)
  const sameSize = Math.min(...sizes) === Math.max(...sizes)
  const range = sameSize ? count(sizes[0]) : `${count(Math.min(...sizes))} to ${count(Math.max(...sizes))}`
  const lines = [
    `${counted(train, 'training example')}, ${test === 0 ? 'none' : count(test)} for testing`,
    `${counted(counts.length, 'class', 'classes')} with ${range} examples each: ${names.join(', ')}${counts.length > names.length ? ', …' : ''}`,
    `${inputText(plan)} (format ${plan.parts[0].description.format})`,
  ]
  const scarce = counts.filter(({ examples }) => examples < scarceClass)
  if (scarce.length > 0) {
    lines.push(`few examples of ${scarce.map(({ name, examples }) => `${name} (${examples})`).join(', ')}`)
  }
  const odd = oddExamples(plan)
  lines.push(...odd.slice(0, shownOdd))
  if (odd.length > shownOdd) lines.push(`… and ${count(odd.length - shownOdd)} more odd examples`)
  return lines
}

/** What is wrong with the examples that cannot be used, each with its place. */
function oddExamples({ parts }: IngestPlan): string[] {
  return parts.flatMap(({ survey, description: { format } }) =>
    survey.skipped.map(({ file, row, reason }) =>
      format === 'folder' ? `${file}: ${reason}` : `${file}, row ${row}: ${reason}`,
    ),
  )
}

/** Odd examples shown to a person. */
const shownOdd = 3

/** A class with fewer examples than this can hardly be judged. */
const scarceClass = 10
/** Share of the training data held out where there is no test data. */
const testShare = 0.2

function pipelineText(path: string, dataset: DatasetConfig, plan: IngestPlan): string {
  const [train, test] = examplesOf(plan)
  const smallest = Math.min(...classCounts(plan).map(({ examples }) => examples))
  const folds = Math.max(2, Math.min(5, smallest))
  const { architecture, width, epochs, batchSize, flip } = recommendModel(plan.input, train)
  const value = (text: unknown) => stringify(text, { lineWidth: 0 }).trim()
  const { format } = plan.parts[0].description
  const lines = [
    `# Finds the labels of this data set that deserve a second look: pieline run`,
    `# ${counted(train, 'training example')}, ${counted(plan.classes.names.length, 'class', 'classes')}; ${inputText(plan)}.`,
    `name: ${value(nameOf(path, dataset))}`,
    '',
    'dataset:',
    `  format: ${format}`,
    `  path: ${value(fromHere(dataset.path))}`,
    ...(dataset.test === undefined
      ? [
          `  testShare: ${testShare}        # held out, never trained on; better: "test:" with data of its own`,
        ]
      : [`  test: ${value(fromHere(dataset.test))}`]),
    ...(format === 'folder' ? [] : [`  label: ${value(dataset.label)}`]),
    ...(dataset.trueLabel === undefined
      ? []
      : [`  trueLabel: ${value(dataset.trueLabel)}   # the known truth: only ever read to score the run`]),
    ...(dataset.id === undefined ? [] : [`  id: ${value(dataset.id)}`]),
    oddExamples(plan).length > 0
      ? `  onBadExample: skip      # ${counted(oddExamples(plan).length, 'odd example')}; skipped.parquet will list them`
      : '  # onBadExample: skip    # list undecodable images and missing labels in skipped.parquet instead of stopping',
    '',
    'model:',
    `  architecture: ${architecture}   # mlp, cnn-small, cnn-fast, or wrn-<depth>-<width> such as wrn-16-1`,
    ...(width === 1 ? [] : [`  width: ${width}             # factor on the number of filters`]),
    `  epochs: ${epochs}`,
    `  batchSize: ${batchSize}`,
    ...(flip === undefined
      ? []
      : [
          `  flip: ${flip}              # mirrored characters are others; remove where left and right do not matter`,
        ]),
    '',
    'population:',
    `  seeds: ${folds}        # members at each level of compression; more give steadier verdicts`,
    `  crossFit: ${folds}     # folds: every label is judged by members that did not train on it`,
    '',
    'compress:',
    '  - { method: magnitude, sparsity: [0.5, 0.9], start: branch }',
    '  - { method: int8-static }',
    '  # - { method: float16 }',
    '  # - { method: int8-dynamic }',
    '',
    ...(test === 0 && train * testShare < 20
      ? []
      : [
          'retrain:             # compares training with and without the suspicious examples, on the test data',
          '  seeds: 3',
          '  arms: [all, cleaned, relabeled]   # also: non-pie, random',
        ]),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

/** A path from the folder in which the pipeline is written, where it does not lead far away. */
function fromHere(path: string): string {
  const short = relative('.', path)
  if (short === '') return '.'
  return short.startsWith('..') && short.length > path.length ? path : short.split(sep).join('/')
}

/** The data's own name, or that of the folder around it where it is only called train. */
function nameOf(path: string, dataset: DatasetConfig): string {
  const absolute = resolve(dataset.path)
  const stem = basename(absolute, extname(absolute)).replace(/[*?{}[\]]/g, '')
  const isPart =
    /^train(ing)?\b/i.test(stem) || (/^(data|images?)$/i.test(stem) && resolve(path) !== absolute)
  const name = (isPart ? basename(dirname(absolute)) : stem)
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
  return name === '' || name === 'store' ? 'data' : name
}
