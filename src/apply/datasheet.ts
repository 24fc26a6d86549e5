/** `datasheet.md`: what a person who is handed the new version has to know of it. Pure. */
import type { Change, ChosenChanges } from './changes.js'

export interface DatasheetFacts {
  readonly pipeline: string
  readonly run: string
  /** Hash of the data that the run read. */
  readonly fingerprint: string
  readonly format: string
  readonly classNames: readonly string[]
  readonly chosen: ChosenChanges
  /** Lowest probability of a suggestion that was taken without a person, if any was to be. */
  readonly suggestions: number | undefined
}

/** Pairs of classes that are listed; `changes.csv` has every change. */
const listedPairs = 50

/** The datasheet as Markdown. */
export function datasheet(facts: DatasheetFacts): string {
  const { classNames, chosen, suggestions } = facts
  const { changes, kept, disputed } = chosen
  const relabeled = changes.filter(({ to }) => to !== null)
  const dropped = changes.length - relabeled.length
  const sections = [
    `# ${cellOf(facts.pipeline)}: a new version of the data set`,
    [
      `- Made by \`pieline apply\` from run \`${facts.run}\`, in the layout of the original (\`${facts.format}\`).`,
      `- SHA-256 of the original: \`${facts.fingerprint}\`. It was only read.`,
      `- ${number(relabeled.length)} labels changed and ${number(dropped)} examples left, of ${number(total(chosen))}.`,
      `- ${number(kept)} judged examples stayed as they were${disputed > 0 ? `, and ${number(disputed)} on which reviewers disagree` : ''}.`,
      suggestions === undefined
        ? '- Every change was decided by a person.'
        : `- Label issues of the training data that nobody judged took the suggested label from a probability of ${suggestions}.`,
      '- `changes.csv` and `changes.parquet` list every change: who, when, from, to, why.',
      '- `pieline apply --revert <this folder>` writes the original again.',
    ].join('\n'),
    '## Who decided',
    table(
      ['who', 'relabeled', 'dropped'],
      counted(changes, ({ who }) => who).map(([who, own]) => [
        cellOf(who),
        number(own.filter(({ to }) => to !== null).length),
        number(own.filter(({ to }) => to === null).length),
      ]),
    ),
    ...(relabeled.length > 0 ? ['## From which class to which', pairTable(relabeled, classNames)] : []),
    '## Classes',
    classTable(facts),
    ...(['train', 'test'] as const).flatMap(split => emptied(facts, split)),
  ]
  return `${sections.join('\n\n')}\n`
}

const total = ({ classCounts: { train, test } }: ChosenChanges): number =>
  [...train, ...test].reduce((sum, count) => sum + count, 0)

function pairTable(changes: readonly Change[], classNames: readonly string[]): string {
  const pairs = counted(changes, ({ from, to }) => `${from} ${to}`)
  const rows = pairs
    .slice(0, listedPairs)
    .map(([, own]) => [cellOf(classNames[own[0].from]), cellOf(classNames[own[0].to!]), number(own.length)])
  const more = pairs.length - rows.length
  return `${table(['from', 'to', 'examples'], rows)}${more > 0 ? `\n\n… and ${number(more)} more pairs.` : ''}`
}

function classTable({ classNames, chosen }: DatasheetFacts): string {
  const splits = (['train', 'test'] as const).filter(split =>
    chosen.classCounts[split].some(count => count > 0),
  )
  const rows = classNames.map((name, index) => [
    cellOf(name),
    ...splits.flatMap(split => [
      number(chosen.classCounts[split][index]),
      number(countAfter(chosen, split, index)),
    ]),
  ])
  return table(['class', ...splits.flatMap(split => [`${split} before`, `${split} after`])], rows)
}

function emptied({ classNames, chosen }: DatasheetFacts, split: 'train' | 'test'): string[] {
  const names = classNames.filter(
    (_, index) => chosen.classCounts[split][index] > 0 && countAfter(chosen, split, index) === 0,
  )
  const data = split === 'train' ? 'training' : 'test'
  return names.length === 0 ? [] : [`No ${data} example is left of ${names.map(cellOf).join(', ')}.`]
}

function countAfter({ changes, classCounts }: ChosenChanges, split: 'train' | 'test', index: number): number {
  const own = changes.filter(change => change.split === split)
  const left = own.filter(({ from }) => from === index).length
  const came = own.filter(({ to }) => to === index).length
  return classCounts[split][index] - left + came
}

/** Groups, the largest first; of equals the first that came. */
function counted(changes: readonly Change[], keyOf: (change: Change) => string): [string, Change[]][] {
  const groups = new Map<string, Change[]>()
  for (const change of changes) {
    const own = groups.get(keyOf(change))
    if (own === undefined) groups.set(keyOf(change), [change])
    else own.push(change)
  }
  return [...groups].sort(([, a], [, b]) => b.length - a.length)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const number = (value: number): string => value.toLocaleString('en')

/** Text of others as a cell: no markup, no line breaks. */
const cellOf = (text: string): string =>
  text.replace(/[\\`*_[\]<>|]/g, character => `\\${character}`).replace(/[\r\n]+/g, ' ')
