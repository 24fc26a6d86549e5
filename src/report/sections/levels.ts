/** What each level of compression costs: table of the levels, accuracy against sparsity, PIEs. */
import * as Plot from '@observablehq/plot'
import { type Html, html, name } from '../../pages/html.js'
import { axisLabels, chart, colour, table, width } from '../chart.js'
import { auditedSplit, type LevelSummary, type ReportData, type SplitSummary } from '../data.js'
import { bytes, count, meanPercent, percent, points } from '../format.js'
import type { Section } from './section.js'

const splitTitles: Readonly<Record<string, string>> = { train: 'Training examples', test: 'Test examples' }

export function levels(data: ReportData): Section {
  const charts = [accuracyBySparsity(data), accuracyOnPies(auditedSplit(data)), pieRate(data)]
  return {
    id: 'levels',
    title: 'Levels of compression',
    body: html`<p class="about">Every level is a population of ${count(data.population.seeds)} networks. An example is a
<dfn>PIE</dfn> (pruning identified exemplar) at a level where the class that most of its networks predict, the modal
label, is not the class that most dense networks predict. Accuracies are measured against the given labels${
      data.population.crossFit > 0
        ? `; a training example is judged only by networks that did not train on it (${data.population.crossFit}-fold cross-fit)`
        : ''
    }.</p>
${data.splits.map(split => levelTable(split, data.classNames.length))}
<p class="note">Accuracy: mean ± standard deviation over seeds. On PIEs, on the rest: accuracy on the PIEs of the level
(for dense: of any level) and on all other examples. Classes changed: classes whose recall changed significantly. Spread: standard deviation over classes of their change of
recall. Worst tenth: share of the recall lost that the tenth of the classes which lose most bears.</p>
<div class="charts small">
${charts.filter(figure => figure !== undefined)}</div>
`,
  }
}

function levelTable(split: SplitSummary, classes: number): Html {
  const dense = split.levels[0]!
  const caption = `${splitTitles[split.split] ?? split.split}: ${count(split.examples)}`
  return table<LevelSummary>(
    caption,
    [
      { head: 'Level', value: level => name(level.name) },
      {
        head: 'Sparsity',
        numeric: true,
        value: level => (level.sparsity > 0 ? percent(level.sparsity, 0) : '–'),
      },
      { head: 'Bits', numeric: true, value: level => level.bits },
      { head: 'Size', numeric: true, value: level => bytes(level.bytes) },
      { head: 'Accuracy', numeric: true, value: level => meanPercent(level.top1.mean, level.top1.sd) },
      {
        head: html`Change, <abbr title="percentage points">pp</abbr>`,
        numeric: true,
        value: level => (level === dense ? '–' : points(level.top1.mean - dense.top1.mean)),
      },
      ...(classes > 5
        ? [
            {
              head: 'Top-5',
              numeric: true,
              value: (level: LevelSummary) => meanPercent(level.top5.mean, level.top5.sd),
            },
          ]
        : []),
      { head: 'PIEs', numeric: true, value: level => (level === dense ? '–' : count(level.pies)) },
      { head: 'PIE rate', numeric: true, value: level => (level === dense ? '–' : percent(level.pieRate)) },
      { head: 'on PIEs', numeric: true, value: level => percent(level.top1OnPies.mean) },
      { head: 'on the rest', numeric: true, value: level => percent(level.top1OffPies.mean) },
      {
        head: 'Classes changed',
        numeric: true,
        value: level => (level === dense ? '–' : count(level.significantClasses)),
      },
      {
        head: html`Spread, <abbr title="percentage points">pp</abbr>`,
        numeric: true,
        value: level => (Number.isFinite(level.impactSpread) ? (level.impactSpread * 100).toFixed(1) : '–'),
      },
      { head: 'Worst tenth', numeric: true, value: level => percent(level.worstTenthShare, 0) },
    ],
    split.levels,
  )
}

interface Point {
  readonly split: string
  readonly sparsity: number
  readonly level: string
  readonly mean: number
  readonly low: number
  readonly high: number
  readonly label: string
}

/** Mean accuracy by sparsity with ± one standard deviation over seeds; undefined where nothing is pruned. */
function accuracyBySparsity({ splits }: ReportData): Html | undefined {
  const points = splits.flatMap(({ split, levels }) =>
    levels
      .filter(level => level.method === 'dense' || level.sparsity > 0)
      .map((level): Point => {
        const { mean } = level.top1
        const sd = Number.isFinite(level.top1.sd) ? level.top1.sd : 0
        const label = `${level.name}, ${split}: ${meanPercent(mean, level.top1.sd)}`
        return {
          split,
          level: level.name,
          sparsity: level.sparsity,
          mean,
          low: mean - sd,
          high: mean + sd,
          label,
        }
      }),
  )
  if (!points.some(point => point.sparsity > 0)) return undefined
  // Several schedules or scopes of pruning may share a sparsity: a line is drawn only through distinct ones.
  const isLine = splits.every(({ split }) => {
    const sparsities = points.filter(point => point.split === split).map(point => point.sparsity)
    return new Set(sparsities).size === sparsities.length
  })
  const series = splitSeries(splits)
  const ofSeries = { stroke: 'split', symbol: 'split' }
  const sorted = points.toSorted((a, b) => a.sparsity - b.sparsity)
  return chart(
    {
      width: width.third,
      height: 270,
      marginLeft: 46,
      marginBottom: 42,
      x: {
        label: 'Sparsity, % of kernel weights',
        transform: (share: number) => share * 100,
        nice: true,
        zero: true,
      },
      y: {
        label: 'Accuracy, %',
        transform: (share: number) => share * 100,
        nice: true,
        grid: true,
        ticks: 5,
      },
      color: { domain: series.domain, range: series.colours },
      symbol: { domain: series.domain, range: series.symbols },
      marks: [
        ...(isLine
          ? [Plot.lineY(sorted, { x: 'sparsity', y: 'mean', stroke: 'split', strokeWidth: 1.75 })]
          : []),
        Plot.ruleX(sorted, {
          x: 'sparsity',
          y1: 'low',
          y2: 'high',
          stroke: 'split',
          strokeWidth: 3,
          strokeOpacity: 0.45,
        }),
        Plot.dot(sorted, { x: 'sparsity', y: 'mean', fill: 'split', ...ofSeries, r: 4, title: 'label' }),
      ],
    },
    {
      kind: 'accuracy-by-sparsity',
      title: 'Accuracy against sparsity',
      summary:
        'Mean accuracy of each population; bars reach one standard deviation over seeds to either side.',
      ...(series.legend.length > 1 ? { legend: series.legend } : {}),
    },
  )
}

/** Accuracy on all examples, on PIEs and on the rest, by level. */
function accuracyOnPies({ split, levels }: SplitSummary): Html | undefined {
  const parts = ['all', 'PIEs', 'the rest'] as const
  const spreads = (level: LevelSummary) => [level.top1, level.top1OnPies, level.top1OffPies]
  const points = levels.flatMap(level =>
    parts.map((part, i) => ({ level: level.name, part, mean: spreads(level)[i]!.mean })),
  )
  const known = points.filter(({ mean }) => Number.isFinite(mean))
  if (!known.some(({ part }) => part === 'PIEs')) return undefined
  return chart(
    {
      ...levelAxis(levels),
      x: {
        label: 'Accuracy, %',
        transform: (share: number) => share * 100,
        nice: true,
        grid: true,
        ticks: 5,
      },
      color: { domain: parts, range: [colour.first, colour.second, colour.third] },
      symbol: { domain: parts, range: ['circle', 'triangle', 'square'] },
      marks: [
        Plot.ruleY(
          known,
          Plot.groupY(
            { x1: 'min', x2: 'max' },
            { y: 'level', x1: 'mean', x2: 'mean', stroke: colour.line, strokeWidth: 2 },
          ),
        ),
        Plot.dot(known, {
          y: 'level',
          x: 'mean',
          fill: 'part',
          symbol: 'part',
          r: 4.5,
          title: ({ level, part, mean }: (typeof known)[number]) => `${level}, ${part}: ${percent(mean)}`,
        }),
      ],
    },
    {
      kind: 'accuracy-on-pies',
      title: 'Accuracy on PIEs and on the rest',
      summary: `Mean accuracy on the ${split} split. The further apart, the harder the examples on which the populations differ.`,
      legend: [
        { label: 'all examples', colour: 'first', shape: 'circle' },
        { label: 'PIEs', colour: 'second', shape: 'triangle' },
        { label: 'the rest', colour: 'third', shape: 'square' },
      ],
    },
  )
}

/** Share of PIEs by compressed level and split. */
function pieRate({ splits }: ReportData): Html | undefined {
  const rates = splits.flatMap(({ split, levels }) =>
    levels.slice(1).map(level => ({ split, level: level.name, rate: level.pieRate, pies: level.pies })),
  )
  if (rates.length === 0) return undefined
  const rateInWords = ({ level, split, rate, pies }: (typeof rates)[number]) =>
    `${level}, ${split}: ${percent(rate)} (${count(pies)} PIEs)`
  const series = splitSeries(splits)
  return chart(
    {
      ...levelAxis(splits[0]!.levels.slice(1)),
      x: {
        label: 'PIE rate, %',
        transform: (share: number) => share * 100,
        zero: true,
        nice: true,
        grid: true,
        ticks: 5,
      },
      color: { domain: series.domain, range: series.colours },
      symbol: { domain: series.domain, range: series.symbols },
      marks: [
        Plot.ruleX([0], { stroke: colour.line }),
        ...splits.flatMap(({ split }, i) => {
          const ofSplit = rates.filter(rate => rate.split === split)
          // The splits stand a little above and below their level's line, so that neither hides the other.
          const dy = (i - (splits.length - 1) / 2) * 10
          const position = { y: 'level', dy }
          return [
            Plot.ruleY(ofSplit, {
              ...position,
              x1: 0,
              x2: 'rate',
              stroke: 'split',
              strokeOpacity: 0.5,
              strokeWidth: 2,
            }),
            Plot.dot(ofSplit, {
              ...position,
              x: 'rate',
              fill: 'split',
              symbol: 'split',
              r: 4,
              title: rateInWords,
            }),
          ]
        }),
      ],
    },
    {
      kind: 'pie-rate',
      title: 'PIE rate',
      summary: 'Share of examples on which the level’s modal label differs from the dense one.',
      ...(series.legend.length > 1 ? { legend: series.legend } : {}),
    },
  )
}

function splitSeries(splits: readonly SplitSummary[]) {
  const domain = splits.map(({ split }) => split)
  const isTraining = domain.map(split => split === 'train')
  return {
    domain,
    colours: isTraining.map(training => (training ? colour.second : colour.first)),
    symbols: isTraining.map(training => (training ? 'triangle' : 'circle')),
    legend: domain.map((split, i) => ({
      label: (splitTitles[split] ?? split).toLowerCase(),
      colour: isTraining[i] ? ('second' as const) : ('first' as const),
      shape: isTraining[i] ? ('triangle' as const) : ('circle' as const),
    })),
  }
}

/** Height, margin and y axis of a chart with a row for each level. */
function levelAxis(levels: readonly LevelSummary[]): Plot.PlotOptions {
  const names = levels.map(level => level.name)
  const { margin, shown } = axisLabels(names, 130)
  return {
    width: width.third,
    height: Math.max(130, 60 + 26 * names.length),
    marginLeft: margin,
    marginTop: 12,
    marginBottom: 42,
    y: { type: 'point', domain: names, label: null, padding: 0.6, tickSize: 0, tickFormat: shown },
  }
}
