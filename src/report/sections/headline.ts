/** The outcome in words and a handful of figures: what somebody reads who reads nothing else. */

import { type Content, type Html, html, name } from '../../pages/html.js'
import { tellingLevel } from '../../pipeline/levels.js'
import { caution, isDoubtful } from '../caution.js'
import { auditedSplit, type ConfusionPair, levelInWords, type ReportData } from '../data.js'
import { count, counted, percent } from '../format.js'
import { recommendation } from '../recommendation.js'

/** The headline sentence: how many labels are estimated to be wrong, and which classes are taken for each other. */
export function labelsSentence({ classNames, labels, suspects }: ReportData): string {
  const { issues, examples, wrong, confusion } = labels
  if (issues === 0) {
    const rest =
      suspects.pies > 0 ? `, but ${counted(suspects.pies, 'example is a PIE', 'examples are PIEs')}` : ''
    return `None of ${count(examples)} labels looks wrong${rest}.`
  }
  // What says so little about labels is no estimate of how many are wrong.
  if (isDoubtful(issues, examples)) return `The networks doubt ${count(issues)} of ${count(examples)} labels.`
  const [estimate, low, high] = [wrong.count, wrong.low, wrong.high].map(value => count(Math.round(value)))
  const start = `About ${estimate} of ${count(examples)} labels are wrong (95\u202f% interval ${low} to ${high})`
  const pair = mostConfused(confusion)
  return pair === undefined
    ? `${start}.`
    : `${start}; most often ${classNames[pair[0]]} ↔ ${classNames[pair[1]]}.`
}

/** The two classes that are taken for each other most often, either way; undefined where no two stand out. */
function mostConfused(confusion: readonly ConfusionPair[]): readonly [number, number] | undefined {
  const sums = new Map<string, { classes: readonly [number, number]; examples: number }>()
  for (const { given, suggested, examples } of confusion) {
    const classes = [Math.min(given, suggested), Math.max(given, suggested)] as const
    const key = classes.join(' ')
    sums.set(key, { classes, examples: (sums.get(key)?.examples ?? 0) + examples })
  }
  const [first, second] = [...sums.values()].sort((a, b) => b.examples - a.examples)
  return first && first.examples > (second?.examples ?? 0) ? first.classes : undefined
}

/** PIEs of a level over all splits. */
function piesOf({ splits }: ReportData, level: string): { pies: number; examples: number; rate: number } {
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
  const pies = sum(splits.map(({ levels }) => levels.find(({ name }) => name === level)?.pies ?? 0))
  const examples = sum(splits.map(split => split.examples))
  return { pies, examples, rate: pies / examples }
}

/** What compression disagrees about; undefined where nothing was compressed. */
export function pieSentence(data: ReportData): string | undefined {
  const { split, levels } = auditedSplit(data)
  const level = tellingLevel(levels.slice(1))
  if (level === undefined) return undefined
  const { pies, examples, rate } = piesOf(data, level.name)
  const start = `PIE rate ${levelInWords(level)}: ${percent(rate)} (${count(pies)} of ${count(examples)} examples)`
  const on = level.top1OnPies.mean
  const off = level.top1OffPies.mean
  if (!Number.isFinite(on) || !Number.isFinite(off)) return `${start}.`
  return `${start}; on the ${split} split, accuracy is ${percent(on)} on PIEs and ${percent(off)} on the rest.`
}

/** A caution where the networks know too little to judge labels by. */
export function cautionSentence(data: ReportData): string | undefined {
  const { issues, examples } = data.labels
  const { split, levels } = auditedSplit(data)
  return caution(issues, examples, `${percent(levels[0]!.top1.mean)} accurate on the ${split} split`)
}

/** How an arm reads after “trained”. */
export function armInWords(arm: string): string {
  const phrases: Readonly<Record<string, string>> = {
    all: 'on all examples',
    'non-pie': 'without the PIEs',
    random: 'without as many random examples',
    cleaned: 'without the label issues',
    relabeled: 'with the suggested labels taken',
    'relabeled-or-dropped': 'with sure suggestions taken, without the other label issues',
    weighted: 'with examples weighted by label quality',
    'random-cleaned': 'without as many random examples as cleaned',
    'random-relabeled-or-dropped': 'without as many random examples as relabeled-or-dropped',
    'true-labels': 'on the true labels',
    'random-weighted': 'without as many random examples as the weights take away',
  }
  return phrases[arm] ?? `on the arm ${arm}`
}

/** The page's head: what was looked at, the headline, the sentences after it and the key figures. */
export function headline(data: ReportData): Html {
  const { labels } = data
  const truth =
    labels.truth &&
    `The truth is known here: ${percent(labels.truth.precision)} of the label issues are wrong indeed, and they are ${percent(labels.truth.recall)} of the wrong labels.`
  const doubt = cautionSentence(data)
  const advice = data.retrain && recommendation(data.retrain)
  const sentences = [pieSentence(data), advice, truth].filter(text => text !== undefined)
  return html`<header class="hero">
<p class="eyebrow">pieline report <span aria-hidden="true">·</span> ${name(data.pipeline)}</p>
<h1>${labelsSentence(data)}</h1>
<div class="lead">${doubt && html`<p class="caution">${doubt}</p>`}${sentences.map(text => html`<p>${text}</p>\n`)}</div>
<dl class="figures">
${keyFigures(data).map(([term, value, note]) => html`<div><dt>${term}</dt><dd>${value}<small>${note}</small></dd></div>\n`)}</dl>
</header>
`
}

function keyFigures(data: ReportData): [term: string, value: Content, note: Content][] {
  const split = auditedSplit(data)
  const dense = split.levels[0]!
  const level = tellingLevel(split.levels.slice(1))
  const { examples, population, labels, suspects } = data
  const { skipped } = examples
  const levels = split.levels.length
  return [
    [
      'Examples',
      count(examples.train + examples.test),
      `${count(examples.train)} training, ${count(examples.test)} test${skipped > 0 ? `; ${count(skipped)} skipped` : ''}`,
    ],
    ['Label issues', count(labels.issues), labels.rule],
    [
      'PIEs at any level',
      count(suspects.pies),
      level ? `${percent(piesOf(data, level.name).rate)} ${levelInWords(level)}` : 'nothing was compressed',
    ],
    [
      'Dense accuracy',
      percent(dense.top1.mean),
      `${split.split} split${level ? `; ${percent(level.top1.mean)} ${levelInWords(level)}` : ''}`,
    ],
    [
      'Networks',
      count(split.levels.reduce((sum, { members }) => sum + members, 0)),
      `${population.architecture}: ${counted(population.seeds, 'seed')} × ${counted(levels, 'level')}`,
    ],
  ]
}
