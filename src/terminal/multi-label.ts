/** What is wrong with labels of several classes, as text. */
import { relative } from 'node:path'
import type { ClassIssue, ScoredMultiLabels } from '../predictions/score-multi-label.js'
import { count, counted, fraction } from '../report/format.js'
import type { Style } from './style.js'
import { table } from './table.js'

/** Classes shown, those with most issues. */
const shown = 10

export function multiLabelText(
  scored: Omit<ScoredMultiLabels, 'suspects'>,
  suspects: readonly ClassIssue[],
  style: Style,
): string {
  const { examples, classes, classesPerExample, issues, examplesWithIssues, files } = scored
  const more = issues - suspects.length
  const moreClasses = classes.length - shown
  return [
    `  ${counted(examples, 'example')} · ${counted(classes.length, 'class', 'classes')} · ${classesPerExample.toFixed(1)} classes an example`,
    `  ${style('bold', counted(issues, 'label issue'))} of ${counted(examplesWithIssues, 'example')} found`,
    classTable(classes, style) +
      (moreClasses > 0 ? `\n${style('dim', `  … and ${count(moreClasses)} with fewer`)}` : ''),
    ...(suspects.length > 0 ? [suspectTable(suspects, style)] : []),
    [
      ...(more > 0 ? [style('dim', `  … and ${count(more)} more`)] : []),
      `  ${style('bold', 'tables')}  ${files.map(file => relative('.', file)).join(', ')}`,
    ].join('\n'),
  ].join('\n\n')
}

function classTable(classes: ScoredMultiLabels['classes'], style: Style): string {
  const columns = [
    { title: 'class' },
    { title: 'given', align: 'right' as const },
    { title: 'missing, estimated', align: 'right' as const },
    { title: 'superfluous', align: 'right' as const },
    { title: 'issues', align: 'right' as const },
  ]
  const rows = classes
    .toSorted((a, b) => b.issues - a.issues)
    .slice(0, shown)
    .map(({ className, given, missing, superfluous, issues }) => [
      className,
      count(given),
      count(Math.round(missing)),
      count(Math.round(superfluous)),
      count(issues),
    ])
  return table(columns, rows, style)
}

function suspectTable(suspects: readonly ClassIssue[], style: Style): string {
  const columns = [
    { title: 'most suspicious' },
    { title: 'class' },
    { title: 'given' },
    { title: 'label quality', align: 'right' as const },
  ]
  const rows = suspects.map(({ exampleId, className, given, quality }) => [
    exampleId,
    className,
    given ? 'yes, should not be' : 'no, should be',
    fraction(quality),
  ])
  return table(columns, rows, style)
}
