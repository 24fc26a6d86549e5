/** `pieline score`: label issues and PIEs from predictions that somebody has already. */
import { relative } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { ConfigError } from '../errors.js'
import type { ScoredPredictions, ScorePredictionsOptions } from '../predictions/score-predictions.js'
import { counted, count as countText, fraction, percent } from '../report/format.js'
import { type Style, styleFor } from '../terminal/style.js'
import { table } from '../terminal/table.js'
import { count, examples, gather, jsonOption } from './options.js'

/** Suspects shown to a person. */
const shown = 10
/** Suspects put into JSON where no budget says how many. */
const listed = 100

interface Flags {
  readonly probabilities?: string
  readonly logits?: string
  readonly predictions?: readonly string[]
  readonly form?: 'probabilities' | 'logits' | 'labels'
  readonly labels: string
  readonly label?: string
  readonly id?: string
  readonly trueLabel?: string
  readonly group?: readonly string[]
  readonly classNames?: readonly string[]
  readonly multiLabel?: true
  /** Names of their columns; true: to be found. */
  readonly annotators?: readonly string[] | true
  readonly budget?: number
  readonly threshold?: number
  readonly precision?: number
  readonly out: string
  readonly json?: true
}

export function scoreCommand(): Command {
  return new Command('score')
    .description('find label issues, and PIEs, from predictions that you have already, without any training')
    .option('-p, --probabilities <file>', 'out-of-sample probabilities, [examples, classes]')
    .option('--logits <file>', 'the same before the softmax')
    .option(
      '--predictions <[level=]path>',
      'a level’s predictions: a file, or a folder with a file for every member; may be repeated',
      gather,
    )
    .addOption(
      new Option('--form <form>', 'what --predictions hold').choices(['probabilities', 'logits', 'labels']),
    )
    .requiredOption('-l, --labels <file>', 'the given labels, class indexes or names')
    .option('--label <column>', 'column of the given label; found when absent')
    .option('--id <column>', 'column of a stable id; found when absent, else the row')
    .option('--true-label <column>', 'column of the known truth, only ever read to score the result')
    .option('--group <column>', 'column of a subgroup attribute; may be repeated', gather)
    .option('--class-names <names>', 'names of the classes in their order, with commas between', names)
    .option(
      '--annotators [columns]',
      'labels of several annotators: a column each, by name or all, or rows of example, annotator and label',
      names,
    )
    .addOption(
      new Option(
        '--multi-label',
        'examples of several classes: labels are 0 and 1 for every class, or a list of classes',
      ).conflicts('annotators'),
    )
    .addOption(
      new Option('-b, --budget <examples>', 'mark that many: those to review first')
        .argParser(count)
        .conflicts(['threshold', 'precision']),
    )
    .addOption(
      new Option('--threshold <quality>', 'mark labels of a lower quality')
        .argParser(share)
        .conflicts('precision'),
    )
    .addOption(
      new Option(
        '--precision <share>',
        'mark as many as keep the expected share of wrong labels among them this high',
      ).argParser(share),
    )
    .option('-o, --out <folder>', 'folder of the tables', 'scores')
    .addOption(jsonOption('print what was found as JSON'))
    .addHelpText(
      'after',
      examples(
        ['pieline score --probabilities p.npy --labels labels.csv', 'label issues from one matrix'],
        [
          'pieline score --probabilities p.npy --labels crowd.csv --annotators',
          'a consensus of several annotators',
        ],
        ['pieline score --logits l.parquet --labels y.npy --budget 500', 'the 500 to review first'],
        [
          'pieline score --predictions dense=a/ --predictions magnitude-0.9=b/ --labels y.csv',
          'a whole audit',
        ],
      ),
    )
    .addHelpText(
      'after',
      '\nFiles are .npy, .parquet, .arrow, .feather, .csv or .tsv, with the examples in the same order everywhere.',
    )
    .action(async (flags: Flags) => {
      if (flags.annotators !== undefined) return scoreCrowd(flags, flags.annotators)
      if (flags.multiLabel) return scoreSeveralClasses(flags)
      const { scorePredictions } = await import('../predictions/score-predictions.js')
      const scored = await scorePredictions(optionsOf(flags))
      if (flags.json) console.log(JSON.stringify(jsonOf(scored, flags.budget ?? listed), null, 2))
      else console.log(await textOf(scored, styleFor(process.stdout)))
    })
}

/** The one matrix that some ways of scoring need. */
function matrixOptionsOf(flags: Flags, option: string) {
  const { matrix, form, populations, ...options } = optionsOf(flags)
  if (matrix === undefined || form === 'labels') {
    throw new ConfigError(`${option} goes with one matrix of predictions`, {
      mend: 'Give --probabilities or --logits.',
    })
  }
  return { ...options, matrix, ...(form !== undefined && { form }) }
}

async function scoreCrowd(flags: Flags, annotators: readonly string[] | true): Promise<void> {
  const { columns, ...options } = matrixOptionsOf(flags, '--annotators')
  const { scoreAnnotators } = await import('../predictions/score-annotators.js')
  const { consensusText } = await import('../terminal/consensus.js')
  const { suspects, ...scored } = await scoreAnnotators({
    ...options,
    columns: { ...columns, ...(annotators !== true && { annotators }) },
  })
  if (flags.json) printJson({ ...scored, suspects: suspects(flags.budget ?? listed) })
  else console.log(consensusText(scored, suspects(shown), styleFor(process.stdout)))
}

async function scoreSeveralClasses(flags: Flags): Promise<void> {
  const options = matrixOptionsOf(flags, '--multi-label')
  const { scoreMultiLabel } = await import('../predictions/score-multi-label.js')
  const { multiLabelText } = await import('../terminal/multi-label.js')
  const { suspects, ...scored } = await scoreMultiLabel(options)
  if (flags.json) printJson({ ...scored, suspects: suspects(flags.budget ?? listed) })
  else console.log(multiLabelText(scored, suspects(shown), styleFor(process.stdout)))
}

const printJson = (found: object): void => console.log(JSON.stringify(found, null, 2))

function names(text: string): string[] {
  return text.split(',').map(name => name.trim())
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value <= 1) return value
  throw new InvalidArgumentError('It must be a number from 0 to 1.')
}

function optionsOf(flags: Flags): ScorePredictionsOptions {
  const { label, id, trueLabel, group, classNames, budget, threshold, precision } = flags
  const decision =
    budget !== undefined
      ? ({ rule: 'budget', count: budget } as const)
      : threshold !== undefined
        ? ({ rule: 'threshold', threshold } as const)
        : precision !== undefined
          ? ({ rule: 'precision', precision } as const)
          : undefined
  return {
    ...sourceOf(flags),
    labels: flags.labels,
    columns: {
      ...(label !== undefined && { label }),
      ...(id !== undefined && { id }),
      ...(trueLabel !== undefined && { trueLabel }),
      ...(group !== undefined && { groups: group }),
    },
    ...(classNames !== undefined && { classNames }),
    ...(decision !== undefined && { decision }),
    out: flags.out,
  }
}

function sourceOf(flags: Flags): Pick<ScorePredictionsOptions, 'matrix' | 'populations' | 'form'> {
  const { probabilities, logits, predictions, form } = flags
  if ([probabilities, logits, predictions].filter(source => source !== undefined).length !== 1) {
    throw new ConfigError('which predictions?', {
      mend: 'Give --probabilities, --logits, or --predictions (once or several times).',
    })
  }
  if (predictions !== undefined) {
    return { populations: populationsOf(predictions), ...(form !== undefined && { form }) }
  }
  if (form !== undefined) {
    throw new ConfigError('--form goes with --predictions', { mend: 'Leave it out.' })
  }
  return probabilities !== undefined
    ? { matrix: probabilities, form: 'probabilities' }
    : { matrix: logits!, form: 'logits' }
}

/** Paths by level, or one path without. */
function populationsOf(given: readonly string[]): string | Record<string, string> {
  const pairs = given.map(text => /^(?:([a-z0-9][a-z0-9._+-]*)=)?(.+)$/i.exec(text) ?? ['', undefined, ''])
  if (pairs.length === 1 && pairs[0][1] === undefined) return pairs[0][2]!
  const levels = pairs.map(([, level]) => level)
  const wrong = levels.findIndex((level, at) => level === undefined || levels.indexOf(level) !== at)
  if (wrong < 0) return Object.fromEntries(pairs.map(([, level, path]) => [level, path]))
  const what = levels[wrong] === undefined ? 'names no level' : 'names its level a second time'
  throw new ConfigError(`"--predictions ${given[wrong]}" ${what}`, {
    mend: 'For example: --predictions dense=folder/ --predictions magnitude-0.9=other/',
  })
}

function jsonOf({ suspects, ...scored }: ScoredPredictions, most: number): unknown {
  return { ...scored, suspects: suspects(most) }
}

async function textOf(scored: ScoredPredictions, style: Style): Promise<string> {
  const { scoreTables } = await import('../terminal/figures.js')
  const { examples, classNames, accuracy, levels = [], files, ...found } = scored
  const suspects = scored.suspects(shown)
  const head = [
    counted(examples, 'example'),
    counted(classNames.length, 'class', 'classes'),
    `${percent(accuracy)} of the given labels predicted`,
  ]
  const rows = suspects.map(({ exampleId, label, quality, kind, suggestedLabel, suggestedP }) => [
    exampleId,
    label,
    fraction(quality),
    kind,
    suggestedLabel,
    fraction(suggestedP),
  ])
  const columns = [
    { title: 'most suspicious' },
    { title: 'given' },
    { title: 'label quality', align: 'right' as const },
    { title: 'kind' },
    { title: 'suggested' },
    { title: 'probability', align: 'right' as const },
  ]
  const more = found.labelIssues - suspects.length
  return [
    `  ${head.join(' · ')}`,
    scoreTables({ levels, ...found }, style),
    ...(suspects.length > 0 ? [table(columns, rows, style)] : []),
    [
      ...(more > 0 ? [style('dim', `  … and ${countText(more)} more`)] : []),
      `  ${style('bold', 'tables')}  ${files.map(file => relative('.', file)).join(', ')}`,
    ].join('\n'),
  ].join('\n\n')
}
