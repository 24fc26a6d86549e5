/** Whether training on the cleaned data helps. */
import * as Plot from '@observablehq/plot'
import { type Html, html, name } from '../../pages/html.js'
import { axisLabels, chart, colour, table } from '../chart.js'
import type { ArmSummary, ReportData } from '../data.js'
import { count, meanPercent, percent, points } from '../format.js'
import { recommendation } from '../recommendation.js'
import { armInWords } from './headline.js'
import type { Section } from './section.js'

export function retraining({ retrain }: ReportData): Section {
  const title = 'Retraining'
  if (retrain === undefined || retrain.length === 0) {
    return {
      id: 'retraining',
      title,
      body: html`<p class="about">This run retrained nothing. To see what the suspects cost a network, add to the pipeline:</p>
<pre><code>retrain: { seeds: 3, arms: [all, non-pie, random, cleaned, relabeled] }</code></pre>
<p class="about">and run it again; what this run made is reused. It needs a test set: <code>dataset.test</code> or
<code>dataset.testShare</code>.</p>
`,
    }
  }
  const charts = [accuracies(retrain), differences(retrain)]
  const advice = recommendation(retrain)
  return {
    id: 'retraining',
    title,
    body: html`<p class="about">The same network trained anew on parts of the training set, several seeds each, and measured
on the untouched test set. Each <em>random</em> arm leaves out as many examples as the arm it is named after,
<em>random</em> alone as many as <em>non-pie</em>, so that size alone cannot explain a difference.</p>
${
  advice &&
  html`<p><strong>${advice}</strong></p>
<p class="about">The interval in this sentence is one of 95 % for all ways of cleaning at once (Bonferroni), by the spread
that all arms share; those below are each for itself.</p>
`
}<div class="charts">
${charts.filter(figure => figure !== undefined)}</div>
${armTable(retrain)}
`,
  }
}

function armAxis(arms: readonly ArmSummary[]): Plot.PlotOptions {
  const names = arms.map(({ arm }) => arm)
  const { margin, shown } = axisLabels(names, 140)
  return {
    height: 70 + 34 * names.length,
    marginLeft: margin,
    marginTop: 12,
    marginBottom: 42,
    y: { type: 'band', domain: names, label: null, padding: 0.4, tickSize: 0, tickFormat: shown },
  }
}

function accuracies(arms: readonly ArmSummary[]): Html {
  const runs = arms.flatMap(({ arm, runs }) => runs.map(top1 => ({ arm, top1 })))
  return chart(
    {
      ...armAxis(arms),
      x: {
        label: 'Test accuracy, %',
        transform: (share: number) => share * 100,
        nice: true,
        grid: true,
        ticks: 5,
      },
      marks: [
        Plot.dot(runs, {
          y: 'arm',
          x: 'top1',
          r: 3.5,
          stroke: colour.first,
          strokeOpacity: 0.7,
          title: ({ arm, top1 }: (typeof runs)[number]) => `${arm}: ${percent(top1, 2)}`,
        }),
        Plot.tickX(arms, {
          y: 'arm',
          x: (arm: ArmSummary) => arm.top1.mean,
          stroke: colour.second,
          strokeWidth: 2.5,
          title: (arm: ArmSummary) => `${arm.arm}: ${meanPercent(arm.top1.mean, arm.top1.sd)}`,
        }),
      ],
    },
    {
      kind: 'retraining-accuracy',
      title: 'Test accuracy by arm',
      summary: 'One dot a seed; the upright mark is their mean.',
      legend: [
        { label: 'one seed', colour: 'first', shape: 'circle' },
        { label: 'mean', colour: 'second', shape: 'bar' },
      ],
    },
  )
}

type Compared = ArmSummary & { readonly difference: NonNullable<ArmSummary['difference']> }

function differences(arms: readonly ArmSummary[]): Html | undefined {
  const compared = arms.filter((arm): arm is Compared => arm.difference !== undefined && arm.arm !== 'all')
  if (compared.length === 0) return undefined
  const intervals = compared.filter(arm => Number.isFinite(arm.difference.low))
  const verdict = ({ difference: { low, high } }: Compared) =>
    low > 0 ? 'better' : high < 0 ? 'worse' : 'unclear'
  return chart(
    {
      ...armAxis(compared),
      x: {
        label: 'Difference, points',
        transform: (share: number) => share * 100,
        nice: true,
        grid: true,
        ticks: 5,
      },
      color: { domain: ['better', 'worse', 'unclear'], range: [colour.third, colour.second, colour.muted] },
      symbol: { domain: ['better', 'worse', 'unclear'], range: ['square', 'triangle', 'circle'] },
      marks: [
        Plot.ruleX([0], { stroke: colour.muted, strokeDasharray: '3,3' }),
        Plot.ruleY(intervals, {
          y: 'arm',
          x1: (arm: Compared) => arm.difference.low,
          x2: (arm: Compared) => arm.difference.high,
          stroke: verdict,
          strokeWidth: 2.5,
        }),
        Plot.dot(compared, {
          y: 'arm',
          x: (arm: Compared) => arm.difference.mean,
          fill: verdict,
          symbol: verdict,
          r: 5,
          title: (arm: Compared) =>
            `${arm.arm}: ${points(arm.difference.mean, 2)} points (${points(arm.difference.low, 2)} to ${points(arm.difference.high, 2)})`,
        }),
      ],
    },
    {
      kind: 'retraining-difference',
      title: 'Difference to training on all examples',
      summary:
        'Mean difference paired by seed, with its 95 % interval; an interval across zero shows no clear difference.',
      legend: [
        { label: 'better', colour: 'third', shape: 'square' },
        { label: 'worse', colour: 'second', shape: 'triangle' },
        { label: 'no clear difference', colour: 'muted', shape: 'circle' },
      ],
    },
  )
}

function armTable(arms: readonly ArmSummary[]): Html {
  return table<ArmSummary>(
    'Arms of the retraining',
    [
      { head: 'Arm', value: ({ arm }) => name(arm) },
      { head: 'Trained', value: ({ arm }) => armInWords(arm) },
      { head: 'Examples', numeric: true, value: ({ examples }) => count(examples) },
      { head: 'Test accuracy', numeric: true, value: ({ top1 }) => meanPercent(top1.mean, top1.sd) },
      { head: 'on PIEs', numeric: true, value: ({ top1OnPies }) => percent(top1OnPies) },
      { head: 'on the rest', numeric: true, value: ({ top1OffPies }) => percent(top1OffPies) },
      {
        head: 'Difference, points',
        numeric: true,
        value: ({ arm, difference }) =>
          difference === undefined || arm === 'all' ? '–' : points(difference.mean, 2),
      },
      {
        head: '95 % interval',
        numeric: true,
        value: ({ arm, difference }) =>
          difference === undefined || arm === 'all' || !Number.isFinite(difference.low)
            ? '–'
            : `${points(difference.low, 2)} to ${points(difference.high, 2)}`,
      },
      ...(arms.some(({ overRandom }) => overRandom !== undefined)
        ? [
            {
              head: 'Over random removal',
              numeric: true,
              value: ({ overRandom }: ArmSummary) =>
                overRandom === undefined
                  ? '–'
                  : `${points(overRandom.mean, 2)} (${points(overRandom.low, 2)} to ${points(overRandom.high, 2)})`,
            },
          ]
        : []),
    ],
    arms,
  )
}
