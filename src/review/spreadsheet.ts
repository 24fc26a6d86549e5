/** A review as CSV: out to a spreadsheet, where people fill in `action`, `label`, `kind` and `note`, and back. */
import { parse } from 'csv-parse/sync'
import { z } from 'zod'
import { beginning } from '../dataset/shown-text.js'
import { DataError } from '../errors.js'
import { didYouMean } from '../nearest.js'
import { csvLine } from '../tables/csv.js'
import { actions, decisionKey, kinds, type Standing } from './decisions.js'
import type { Suspect } from './queue.js'
import type { Review, Ruling } from './review.js'

const columns = (withText: boolean): string[] => [
  'example_id',
  'given_label',
  'suggested_label',
  'suggested_probability',
  'label_quality',
  'issue_kind',
  'hints',
  'split',
  'source',
  ...(withText ? ['text'] : []),
  'action',
  'label',
  'kind',
  'note',
]

/** Spreadsheets take no more than 32,767 characters in a cell. */
const cellCharacters = 32_000

/** Bad rows that are named one by one. */
const mostNamed = 20

/** Every suspect as a line of CSV, most suspicious first, after a header; what is decided already is filled in. */
export async function* suspectsCsv({ tables, standing }: Review): AsyncGenerator<string> {
  const { suspects, info } = tables
  const withText = info.text === true
  yield csvLine(columns(withText))
  let row = 0
  for await (const text of tables.texts()) {
    const shown = withText ? [beginning(text ?? '', cellCharacters)] : []
    yield csvLine(cells(suspects[row], info.classNames, shown, standing(row)).map(guarded))
    row++
  }
}

function cells(
  suspect: Suspect,
  classNames: readonly string[],
  shown: readonly string[],
  standing: Standing | undefined,
): string[] {
  const { action = '', label = '', kind = '', note = '' } = standing?.decision ?? {}
  return [
    suspect.id,
    classNames[suspect.given],
    classNames[suspect.suggested],
    suspect.suggestedProbability.toPrecision(3),
    suspect.labelQuality.toPrecision(3),
    suspect.issueKind ?? '',
    suspect.hints.join(' '),
    suspect.split,
    suspect.source,
    ...shown,
    action,
    label,
    kind,
    note,
  ]
}

/** Spreadsheets run cells that begin like this as formulas, whoever wrote the name of a class or a file. */
const formula = /^'*[=+\-@\t\r]/

const guarded = (text: string): string => (formula.test(text) ? `'${text}` : text)
const unguarded = (text: string): string =>
  text.startsWith("'") && formula.test(text.slice(1)) ? text.slice(1) : text

const oneOf = <Name extends string>(names: readonly Name[]) =>
  z.enum(['', ...names], {
    error: ({ input }) =>
      `cannot be "${input}". ${didYouMean(String(input), names)}Possible: ${names.join(', ')}, or empty`,
  })

const rowSchema = z.object({
  example_id: z.string().min(1, 'is empty'),
  given_label: z.string(),
  action: oneOf(actions),
  label: z.string(),
  kind: oneOf(kinds),
  note: z.string().max(2000, 'is longer than 2000 characters'),
})

/**
 * The rulings in a filled-in CSV file, in its order. Rows without an action, and those that say what the reviewer's
 * own decision says already, are passed over; columns beside those that are needed do not matter.
 * @throws DataError that names every bad row (from 0, the header not counted); then nothing of the file counts
 */
export function rulingsOf(csv: string | Uint8Array, review: Review): [row: number, ruling: Ruling][] {
  const { suspects, info } = review.tables
  const rowOf = new Map(
    suspects.map(({ id, given }, row) => [decisionKey(id, info.classNames[given]), row] as const),
  )
  const classOf = new Map(info.classNames.map((name, index) => [name, index]))
  const problems: string[] = []
  const rulings = new Map<number, Ruling>()
  for (const [line, record] of readRecords(csv).entries()) {
    const problem = (text: string) => void problems.push(`row ${line}: ${text}`)
    const result = rowSchema.safeParse(record)
    if (!result.success) {
      for (const { path, message } of result.error.issues) problem(`${path.join('.')} ${message}`)
      continue
    }
    const { example_id, given_label, action, label, kind, note } = result.data
    if (action === '') {
      if (label !== '' || kind !== '') problem('has a label or a kind, but no action')
      continue
    }
    const row = rowOf.get(decisionKey(example_id, given_label))
    const index = label === '' ? undefined : classOf.get(label)
    if (row === undefined) {
      problem(`no suspect of this run is "${example_id}" with the label "${given_label}"`)
    } else if (rulings.has(row)) problem(`"${example_id}" comes twice`)
    else if (action === 'relabel' && label === '') problem('relabel needs a label')
    else if (action !== 'relabel' && label !== '') problem(`${action} takes no label`)
    else if (label !== '' && index === undefined) problem(unknownClass(label, info.classNames))
    else if (index === suspects[row].given) problem(`"${label}" is the given label: the action is keep`)
    else {
      rulings.set(row, {
        action,
        ...(index !== undefined && { label: index }),
        ...(kind !== '' && { kind }),
        ...(note !== '' && { note }),
      })
    }
  }
  if (problems.length > 0) {
    const more = problems.length - mostNamed
    const named = problems.slice(0, mostNamed).join('\n  ')
    throw new DataError(
      `${problems.length === 1 ? 'a row is' : `${problems.length} rows are`} bad; nothing was taken from it\n  ${named}${more > 0 ? `\n  … and ${more} more` : ''}`,
      { mend: 'Mend them and import the file again.' },
    )
  }
  return [...rulings].filter(([row, ruling]) => !isKnown(row, ruling, review))
}

function readRecords(csv: string | Uint8Array): Record<string, string>[] {
  const text = typeof csv === 'string' ? csv : new TextDecoder().decode(csv)
  let rows: string[][]
  try {
    // Spreadsheets of many countries write semicolons, and some tabs.
    const [head] = text.split(/\r?\n/, 1)
    const delimiter = [',', ';', '\t'].find(mark => head.split(mark).length > 3) ?? ','
    rows = parse(text, { bom: true, delimiter, skip_empty_lines: true })
  } catch (cause) {
    throw new DataError(`is no CSV: ${(cause as Error).message}`, { cause })
  }
  const [header = [], ...records] = rows
  for (const key of ['example_id', 'given_label', 'action', 'label', 'kind', 'note']) {
    if (header.includes(key)) continue
    throw new DataError(`there is no column "${key}"`, {
      key,
      mend: 'Keep the header of the file that --export wrote.',
    })
  }
  return records.map(record =>
    Object.fromEntries(header.map((name, i) => [name, unguarded((record[i] ?? '').trim())])),
  )
}

function unknownClass(label: string, classNames: readonly string[]): string {
  return `there is no class "${label}". ${didYouMean(label, classNames)}`.trim()
}

/** Whether the reviewer's own decision says the same already, so that importing a file twice changes nothing. */
function isKnown(row: number, { action, label, kind, note }: Ruling, review: Review): boolean {
  const { classNames } = review.tables.info
  const own = review.standing(row)?.byReviewer.find(({ reviewer }) => reviewer === review.reviewer)
  const name = typeof label === 'number' ? classNames[label] : undefined
  return (
    own !== undefined &&
    own.action === action &&
    own.label === name &&
    own.note === note &&
    (kind === undefined || own.kind === kind)
  )
}
