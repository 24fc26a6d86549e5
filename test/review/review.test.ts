import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { keys, matchingClasses } from '../../src/review/client/review-page.js'
import { confusionPairs, filterSchema, type State, states } from '../../src/review/queue.js'
import { openReview, type Review } from '../../src/review/review.js'
import { rulingsOf, suspectsCsv } from '../../src/review/spreadsheet.js'
import { reviewInTerminal } from '../../src/review/terminal.js'
import { type FixtureRun, levels, type RunOptions, writeRun } from './run-fixture.js'

let folder: string
let run: FixtureRun
let review: Review
const formulas = ['=cmd|1', '@sum', "'quoted", 'plain, "and" more', '-1']
const classNames = [...'ABCDE', ...formulas]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-review-'))
  run = await writeRun(folder, { suspects: 60, classNames })
})
afterAll(() => rm(folder, { recursive: true }))
beforeEach(async () => {
  review = await openReview(run, 'anna')
  return async () => {
    await review.close()
    await rm(review.decisionsPath)
  }
})

const everything = filterSchema.parse({})
const inState = (state: State, of = review) => [...of.page(everything, state, 0, 1000).rows]

describe('a review', () => {
  test('has the suspects in the order of suspicion, with what the levels voted', () => {
    const { suspects, levels: found } = review.tables
    expect(found).toEqual(levels)
    expect(suspects.map(({ id }) => id)).toEqual(run.ids)
    expect(suspects.map(({ given }) => given)).toEqual(run.given)
    expect(suspects.map(({ labelQuality }) => labelQuality)).toEqual(
      suspects.map(({ labelQuality }) => labelQuality).sort((a, b) => a - b),
    )
    for (const { modal, agreement, pie } of suspects) {
      expect([modal.length, agreement.length]).toEqual([levels.length, levels.length])
      expect(pie).toEqual(modal.map(label => label !== modal[0]))
    }
  })

  test('has pictures and neighbours of its own examples', async () => {
    const [first] = review.tables.suspects
    const near = await review.tables.neighbors(0)
    expect(near.map(({ similarity }) => Number(similarity.toFixed(1)))).toEqual([0.9, 0.8, 0.7, 0.6])
    const images = await review.tables.images([
      first!.exampleRow,
      ...near.map(({ exampleRow }) => exampleRow),
    ])
    expect(images.size).toBe(5)
    for (const image of images.values()) expect(Buffer.from(image.subarray(1, 4)).toString()).toBe('PNG')
  })

  test('goes on where another process stopped', async () => {
    await review.decide([
      [0, { action: 'keep' }],
      [3, { action: 'relabel', label: 'suggested' }],
    ])
    const again = await openReview(run, 'ben')
    expect(inState('open', again)).toEqual(inState('any').filter(row => row !== 0 && row !== 3))
    expect(inState('mine', again)).toHaveLength(60)
    expect(inState('decided', again)).toEqual([0, 3])
    const { suggested } = review.tables.suspects[3]!
    expect(again.standing(3)!.decision).toMatchObject({
      action: 'relabel',
      label: classNames[suggested],
      kind: 'mislabeled',
      reviewer: 'anna',
    })
    await again.decide([[3, { action: 'keep' }]])
    await review.refresh()
    expect(inState('disputed')).toEqual([3])
    expect(review.history(3).map(({ reviewer }) => reviewer)).toEqual(['anna', 'ben'])
    expect(await again.undo([0, 3])).toEqual([3])
    await review.refresh()
    expect(inState('disputed')).toEqual([])
    expect(review.standing(3)!.decision.reviewer).toBe('anna')
    await again.close()
  })

  test('takes the given label out of a list as keeping it', async () => {
    await review.decide([[5, { action: 'relabel', label: run.given[5]! }]])
    expect(review.standing(5)!.decision).toMatchObject({ action: 'keep' })
    expect(review.standing(5)!.decision.label).toBeUndefined()
  })

  test('decides all of a request or nothing', async () => {
    const rulings = [
      [1, { action: 'keep' }],
      [2, { action: 'relabel', label: 99 }],
    ] as const
    await expect(review.decide(rulings)).rejects.toThrow('no label to relabel to')
    expect(inState('decided')).toEqual([])
  })

  test('counts what was found', async () => {
    await review.decide([
      [0, { action: 'drop' }],
      [1, { action: 'relabel', label: 'suggested' }],
      [2, { action: 'keep', kind: 'several-objects' }],
      [4, { action: 'unsure' }],
    ])
    expect(review.progress()).toMatchObject({ decided: 4, wrong: 2, right: 1, unsure: 1, precision: 2 / 3 })
  })
})

describe('the queue', () => {
  const rowsOf = (filter: object) => [...review.rows(filterSchema.parse(filter))]

  test('holds what fits its filter, in the order of suspicion', () => {
    const { suspects } = review.tables
    const rows = [...suspects.keys()]
    expect(rowsOf({})).toEqual(rows)
    expect(rowsOf({ kind: 'issue' })).toEqual(rows.filter(row => suspects[row]!.issue))
    expect(rowsOf({ kind: 'pie-only' })).toEqual(
      rows.filter(row => !suspects[row]!.issue && suspects[row]!.pie.includes(true)),
    )
    expect(rowsOf({ issueKind: 'ambiguous' })).toEqual(
      rows.filter(row => suspects[row]!.issueKind === 'ambiguous'),
    )
    expect(rowsOf({ hint: 'blurry' })).toEqual(rows.filter(row => row % 9 === 0))
    expect(rowsOf({ group: '0', groupValue: 'serif' })).toEqual(
      rows.filter(row => suspects[row]!.groups[0] === 'serif'),
    )
    expect(rowsOf({ text: run.ids[7]!.toUpperCase() })).toContain(7)
    expect(rowsOf({ text: 'no such id' })).toEqual([])
    const [pair] = confusionPairs(suspects, 1)
    const { given, suggested, examples } = pair!
    const matching = rows.filter(
      row => suspects[row]!.given === given && suspects[row]!.suggested === suggested,
    )
    expect(rowsOf({ given, suggested })).toEqual(matching)
    expect(matching.filter(row => suspects[row]!.issue)).toHaveLength(examples)
  })

  test('keeps every place while it is worked off', async () => {
    const { places, rows } = review.page(everything, 'open', 0, 10)
    await review.decide([
      [rows[0]!, { action: 'keep' }],
      [rows[4]!, { action: 'keep' }],
    ])
    const rest = review.page(everything, 'open', 0, 8)
    expect(rest.places).toEqual(places.filter((_, i) => i !== 0 && i !== 4))
    expect(review.page(everything, 'open', places[9]! + 1, 3).places).toEqual([10, 11, 12])
    expect(states.every(state => review.page(everything, state, 0, 5).total === 60)).toBe(true)
  })
})

test('classes are found by what one remembers of their names', () => {
  const names = ['tiger cat', 'Cat', 'caterpillar', 'bobcat', 'dog']
  expect(matchingClasses(names, 'CAT').map(i => names[i])).toEqual([
    'Cat',
    'caterpillar',
    'tiger cat',
    'bobcat',
  ])
  expect(matchingClasses(names, '')).toEqual([0, 1, 2, 3, 4])
  expect(matchingClasses(names, 'emu')).toEqual([])
})

test('every key does one thing', () => {
  expect(new Set(keys.map(({ key }) => key)).size).toBe(keys.length)
  expect(new Set(keys.map(({ id }) => id)).size).toBe(keys.length)
})

/** What the terminal shows while somebody types. */
async function type(typed: string, of = review): Promise<string> {
  const output = new PassThrough()
  const shown = text(output)
  await reviewInTerminal(of, { input: Readable.from([Buffer.from(typed)]), output })
  output.end()
  return shown
}

describe('in the terminal', () => {
  const actionOf = (row: number) => review.standing(row)?.decision.action

  test('keys decide one suspect after the other', async () => {
    const shown = await type('ksxmcudn')
    expect([0, 1, 2, 3, 4, 5, 6].map(actionOf)).toEqual([
      ...['keep', 'relabel', 'keep', 'drop', 'unsure', 'drop'],
      undefined,
    ])
    expect(shown).toContain(run.ids[0])
    expect(shown).toContain('train.parquet#')
    expect(shown).toMatch(/votes: dense .+ \d+ %, magnitude-0\.9/)
    expect(shown).toContain('Decided: 6 of 60')
    expect(shown).toContain('8 of 60')
  })

  test('undo comes back to what was decided last', async () => {
    await type('kkzd')
    expect([0, 1].map(actionOf)).toEqual(['keep', 'drop'])
    expect(review.history(1)).toHaveLength(3)
  })

  test('another label is typed in part', async () => {
    const wanted = run.given[0] === 8 ? 'sum' : 'PLAIN'
    await type(`l${wanted}\rq`)
    expect(review.standing(0)!.decision.label).toBe(wanted === 'sum' ? '@sum' : formulas[3])
    // Several fit, one is chosen by its number; then nothing fits.
    await type('l\r2lzzz\rq')
    expect(review.standing(1)!.decision.label ?? classNames[run.given[1]!]).toBe('B')
    expect(actionOf(2)).toBeUndefined()
  })

  test('a class name may have a q in it, is shown as it is typed, and can be left', async () => {
    const wanted = classNames.indexOf("'quoted")
    const shown = await type("lqx\u007fuot\rl'quo\u001bq")
    expect(review.standing(0)!.decision.label ?? classNames[run.given[0]!]).toBe(classNames[wanted])
    expect(shown).toContain('then Enter: qx\b \buot\n')
    expect(actionOf(1)).toBeUndefined()
    expect(shown).toContain('Decided: 1 of 60')
  })
})

describe('of examples without a picture', () => {
  const long = 'word '.repeat(100)
  const textOf = (row: number) =>
    row % 10 === 3 ? null : `\u001b[2J review ${row}, second line\nשלום ${row % 2 ? long : ''}end ${row}`
  let texts: Review
  let numbers: Review
  beforeAll(async () => {
    const open = async (name: string, options: RunOptions) =>
      openReview(await writeRun(join(folder, name), { suspects: 30, ...options }), 'anna')
    texts = await open('texts', { features: 20, text: textOf })
    numbers = await open('numbers', { features: 20 })
  })
  afterAll(async () => {
    await texts.close()
    await numbers.close()
  })
  const firstWith = (isWanted: (exampleRow: number) => boolean) =>
    texts.tables.suspects.findIndex(({ exampleRow }) => isWanted(exampleRow))
  const isLong = (row: number) => row % 2 === 1 && row % 10 !== 3

  test('the beginning of the text is known of suspects and neighbours, and is searched', async () => {
    const { suspects } = texts.tables
    for (const { exampleRow, excerpt } of suspects) {
      const whole = textOf(exampleRow)
      expect(await texts.tables.text(exampleRow)).toBe(whole)
      if (isLong(exampleRow)) expect(excerpt).toBe(`${whole!.slice(0, 400).trimEnd()} …`)
      else expect(excerpt).toBe(whole)
    }
    for (const { exampleRow, excerpt } of await texts.tables.neighbors(0))
      expect(excerpt).toBe(
        isLong(exampleRow) ? `${textOf(exampleRow)!.slice(0, 120).trimEnd()} …` : textOf(exampleRow),
      )
    const { exampleRow } = suspects[firstWith(row => row % 10 !== 3)]!
    const found = texts.rows(filterSchema.parse({ text: `REVIEW ${exampleRow},` }))
    expect([...found].map(row => suspects[row]!.exampleRow)).toEqual([exampleRow])
  })

  test('the terminal shows it, all of it on demand, and lets it do nothing', async () => {
    const row = firstWith(isLong)
    const { exampleRow } = texts.tables.suspects[row]!
    const shown = await type(`${'n'.repeat(row)}vq`, texts)
    const [cut, all] = shown.split('(v shows all of it)').slice(-2)
    expect(cut).toContain(`  \\x1b[2J review ${exampleRow}, second line\n  \u2068שלום word`)
    expect(cut).not.toContain(`end ${exampleRow}`)
    expect(all).toContain(`end ${exampleRow}\u2069\n`)
    expect(shown).toMatch(
      /similar: [A-J]: .*review \d+, second line \u2068?שלום|similar: [A-J]: \u2068.*review/,
    )
    expect(shown).not.toContain('\u001b')
  })

  test('the terminal shows the features of what has no text', async () => {
    const { exampleRow } = numbers.tables.suspects[0]!
    const shown = await type('vq', numbers)
    expect(shown).toContain(`  size 0 ${exampleRow}, size 1 ${exampleRow + 0.25}, `)
    expect(shown).toContain(`size 11 ${exampleRow + 2.75} … and 8 more (v shows them)`)
    expect(shown).toContain(`size 19 ${exampleRow + 4.75}\n`)
  })

  test('the spreadsheet has the whole text, and takes decisions back', async () => {
    const csv = await text(Readable.from(suspectsCsv(texts)))
    const rows = parse(csv, { columns: true }) as Record<string, string>[]
    expect(rows.map(({ text }) => text)).toEqual(
      texts.tables.suspects.map(({ exampleRow }) => textOf(exampleRow) ?? ''),
    )
    const [{ example_id, given_label }] = rows as [Record<string, string>]
    const filled = [
      ['example_id', 'given_label', 'text', 'action', 'label', 'kind', 'note'],
      [example_id, given_label, 'whatever', 'drop', '', '', ''],
    ]
    expect(rulingsOf(filled.map(line => line.join()).join('\n'), texts)).toEqual([[0, { action: 'drop' }]])
    const [header] = (await text(Readable.from(suspectsCsv(numbers)))).split('\n')
    expect(header!.split(',')).not.toContain('text')
  })
})

describe('in a spreadsheet', () => {
  const csv = () => text(Readable.from(suspectsCsv(review)))
  const rows = async () => parse(await csv(), { columns: true }) as Record<string, string>[]
  /** As somebody fills the cells in, by the row of the suspect. */
  async function filled(cells: Record<number, Record<string, string>>, delimiter = ','): Promise<string> {
    const all = (await rows()).map((row, i) => ({ ...row, ...cells[i] }))
    const quote = (cell: string) => `"${cell.replaceAll('"', '""')}"`
    return [Object.keys(all[0]!), ...all.map(row => Object.values(row))]
      .map(line => line.map(quote).join(delimiter))
      .join('\r\n')
  }

  test('no cell begins as a formula', async () => {
    for (const row of await rows()) {
      for (const cell of Object.values(row)) expect(cell).not.toMatch(/^[=+\-@\t\r]/)
    }
  })

  test.each([',', ';', '\t'])('decisions come back whole from cells between %j', async delimiter => {
    const target = run.given[1] === 5 ? 6 : 5
    const text = await filled(
      {
        0: { action: 'keep', note: 'two; of "them",\nreally' },
        1: { action: 'relabel', label: `'${classNames[target]}` },
        2: { action: 'drop', kind: 'corrupted' },
      },
      delimiter,
    )
    const rulings = rulingsOf(Buffer.from(`\ufeff${text}`), review)
    expect(rulings).toEqual([
      [0, { action: 'keep', note: 'two; of "them",\nreally' }],
      [1, { action: 'relabel', label: target }],
      [2, { action: 'drop', kind: 'corrupted' }],
    ])
    await review.decide(rulings)
    // What is exported then says it already.
    expect(rulingsOf(await csv(), review)).toEqual([])
    expect((await rows())[1]).toMatchObject({ action: 'relabel', kind: 'mislabeled' })
  })

  test('every bad row is named, and nothing of the file counts', async () => {
    const text = await filled({
      0: { action: 'kepe' },
      1: { action: 'relabel' },
      2: { action: 'relabel', label: 'AA' },
      3: { action: 'keep', label: 'A' },
      4: { label: 'A' },
      5: { action: 'keep', kind: 'odd' },
      6: { action: 'keep', given_label: 'Z' },
      7: { action: 'drop' },
    })
    let message = ''
    try {
      rulingsOf(text, review)
    } catch (error) {
      message = (error as Error).message
    }
    for (const row of [0, 1, 2, 3, 4, 5, 6]) expect(message).toContain(`row ${row}: `)
    expect(message).not.toContain('row 7')
    expect(message).toContain('7 rows are bad; nothing was taken')
    expect(message).toContain('there is no class "AA"')
    expect(message).toContain('row 0: action cannot be "kepe". Did you mean "keep"? Possible: keep, ')
  })

  test('a file without the columns is told from one with them', () => {
    expect(() => rulingsOf('a,b\n1,2\n', review)).toThrow('there is no column "example_id"')
    expect(() => rulingsOf('example_id,given_label,action\n"', review)).toThrow('is no CSV')
  })
})
