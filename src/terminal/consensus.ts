/** What the consensus of several annotators is and how good each of them, as text. */
import { relative } from 'node:path'
import type { DoubtfulConsensus, ScoredAnnotators } from '../predictions/score-annotators.js'
import { count, counted, fraction, percent } from '../report/format.js'
import { labelIssueTable } from './figures.js'
import type { Style } from './style.js'
import { table } from './table.js'

/** Annotators shown, the least accurate. */
const shown = 10

export function consensusText(
  scored: Omit<ScoredAnnotators, 'suspects'>,
  suspects: readonly DoubtfulConsensus[],
  style: Style,
): string {
  const { examples, classNames, annotators, labelsPerExample, agreement, overruled, accuracy, files } = scored
  const head = [
    counted(examples, 'example'),
    counted(classNames.length, 'class', 'classes'),
    counted(annotators.length, 'annotator'),
    `${labelsPerExample.toFixed(1)} labels an example`,
    `${percent(agreement)} of them the consensus`,
  ]
  const right =
    accuracy === undefined
      ? []
      : [
          `  right  consensus ${percent(accuracy.consensus)} · majority ${percent(accuracy.majority)} · model ${percent(accuracy.model)}`,
        ]
  const more = scored.labelIssues - suspects.length
  const moreAnnotators = annotators.length - shown
  return [
    `  ${head.join(' · ')}`,
    [`  ${counted(overruled, 'consensus label')} beside the majority`, ...right].join('\n'),
    labelIssueTable(scored, style),
    annotatorTable(annotators.slice(0, shown), style) +
      (moreAnnotators > 0 ? `\n${style('dim', `  … and ${count(moreAnnotators)} better ones`)}` : ''),
    ...(suspects.length > 0 ? [suspectTable(suspects, style)] : []),
    [
      ...(more > 0 ? [style('dim', `  … and ${count(more)} more`)] : []),
      `  ${style('bold', 'tables')}  ${files.map(file => relative('.', file)).join(', ')}`,
    ].join('\n'),
  ].join('\n\n')
}

function annotatorTable(annotators: ScoredAnnotators['annotators'], style: Style): string {
  const columns = [
    { title: 'least accurate' },
    { title: 'labels', align: 'right' as const },
    { title: 'right, estimated', align: 'right' as const },
    { title: 'as the consensus', align: 'right' as const },
    { title: 'weakest label' },
  ]
  const rows = annotators.map(({ annotator, labels, quality, agreement, weakest }) => [
    annotator,
    count(labels),
    percent(quality),
    percent(agreement),
    weakest === undefined ? '–' : `${weakest.label} (${percent(weakest.agreement)})`,
  ])
  return table(columns, rows, style)
}

function suspectTable(suspects: readonly DoubtfulConsensus[], style: Style): string {
  const columns = [
    { title: 'most doubtful' },
    { title: 'consensus' },
    { title: 'label quality', align: 'right' as const },
    { title: 'annotators say' },
    { title: 'or rather' },
    { title: 'probability', align: 'right' as const },
  ]
  const rows = suspects.map(({ exampleId, label, quality, votes, secondLabel, secondP }) => [
    exampleId,
    label,
    fraction(quality),
    votes.map(({ label, annotators }) => `${label} × ${annotators}`).join(', '),
    secondLabel ?? '–',
    secondP === null ? '–' : fraction(secondP),
  ])
  return table(columns, rows, style)
}
