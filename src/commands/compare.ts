/** `pieline compare`: methods side by side, at equal size and at equal accuracy. */
import { Command, Option } from 'commander'
import { findRun, type Run } from '../pipeline/runs.js'
import { bytes, fraction, percent, points } from '../report/format.js'
import {
  type ComparedMethod,
  type Comparison,
  type Estimate,
  equalities,
} from '../scoring/fair-comparison.js'
import { compareRuns, type SizeMeasure, sizeMeasures } from '../stages/compared-runs.js'
import { type Style, styleFor } from '../terminal/style.js'
import { table } from '../terminal/table.js'
import { examples, jsonOption, outOption } from './options.js'

interface Flags {
  readonly out: string
  readonly level?: string
  readonly size: SizeMeasure
  readonly json?: true
}

export function compareCommand(): Command {
  return new Command('compare')
    .description('set compression methods side by side, at equal size and at equal accuracy')
    .argument('[runs...]', 'run ids, pipeline names or run folders; the newest finished run when absent')
    .addOption(outOption())
    .option('-l, --level <name>', 'beside this level alone')
    .addOption(
      new Option('--size <measure>', 'what equal size means: the weights that are not zero, or the file')
        .choices(sizeMeasures)
        .default('weights'),
    )
    .addOption(jsonOption('print the comparison as JSON'))
    .addHelpText(
      'after',
      examples(
        ['pieline compare', 'the methods of the newest run'],
        ['pieline compare glyphs --level magnitude-0.9', 'what the others do at that size and accuracy'],
        [
          'pieline compare plain mitigated --size bytes',
          'the methods of two runs, by the size of their files',
        ],
      ),
    )
    .action(async (names: string[], { out, level, size, json }: Flags) => {
      const runs = await runsOf(out, names)
      const comparisons = await compareRuns(runs, { size, ...(level !== undefined && { level }) })
      if (json) console.log(JSON.stringify(comparisons, null, 2))
      else console.log(comparisonText(comparisons, styleFor(process.stdout)))
    })
}

async function runsOf(out: string, names: readonly string[]): Promise<Run[]> {
  if (names.length === 0) return [await findRun(out, undefined, { finished: true })]
  return Promise.all(names.map(name => findRun(out, name, { finished: true })))
}

function comparisonText(comparisons: readonly Comparison[], style: Style): string {
  if (comparisons.length === 0) return '  No two methods reach the same size or accuracy.'
  return equalities
    .map(equal => {
      const found = comparisons.filter(comparison => comparison.equal === equal)
      const title = style('bold', `At equal ${equal}`)
      if (found.length === 0) return `${title}: no two methods reach the same.`
      return `${title}\n${comparisonTable(found, style)}`
    })
    .join('\n\n')
}

function comparisonTable(comparisons: readonly Comparison[], style: Style): string {
  const isRobust = comparisons.some(({ methods }) => methods.some(({ figures }) => 'robustness' in figures))
  const right = { align: 'right' as const }
  const columns = [
    { title: 'beside' },
    { title: 'method' },
    { title: 'size', ...right },
    { title: 'accuracy', ...right },
    { title: 'worst class', ...right },
    { title: 'spread over classes', ...right },
    { title: 'significant', ...right },
    { title: 'PIE rate', ...right },
    ...(isRobust ? [{ title: 'corrupted', ...right }] : []),
  ]
  const rows = comparisons.flatMap(({ level, methods }) =>
    methods.map((method, place) => [
      place === 0 ? style('bold', level) : '',
      nameOf(method),
      bytes(method.size),
      withInterval(method.top1, value => (value * 100).toFixed(1)),
      withInterval(method.worstChange, points),
      withInterval(method.spread, value => (value * 100).toFixed(1)),
      fraction(method.figures.significantClasses, 1),
      percent(method.figures.pieRate),
      ...(isRobust ? [percent(method.figures.robustness ?? Number.NaN)] : []),
    ]),
  )
  return table(columns, rows, style)
}

const nameOf = ({ method, between }: ComparedMethod): string =>
  between.length === 1 ? `${method} (${between[0]})` : `${method} (${between.join(' … ')})`

function withInterval({ mean, low, high }: Estimate, text: (value: number) => string): string {
  return Number.isNaN(low) ? text(mean) : `${text(mean)} [${text(low)}, ${text(high)}]`
}
