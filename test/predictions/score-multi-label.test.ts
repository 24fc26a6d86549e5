import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConfigError, DataError } from '../../src/errors.js'
import { openTable, writeNpy } from '../../src/pipeline/files.js'
import { type ScoreMultiLabelOptions, scoreMultiLabel } from '../../src/predictions/score-multi-label.js'
import { expectClose } from '../scoring/close.js'
import cleanlab from '../scoring/fixtures/multi-label.json' with { type: 'json' }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-multi-label-'))
  const values = Float32Array.from(cleanlab.probabilities.flat())
  await writeNpy(at('p.npy'), { dtype: 'float32', shape: [5] }, [values])
  const logits = values.map(p => Math.log(p / (1 - p)))
  await writeNpy(at('logits.npy'), { dtype: 'float32', shape: [5] }, [
    logits.map(z => Math.max(-30, Math.min(30, z))),
  ])
  await writeNpy(at('given.npy'), { dtype: 'uint8', shape: [5] }, [Uint8Array.from(cleanlab.given.flat())])
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const at = (name: string) => join(folder, name)
const names = ['sun', 'rain', 'snow', 'fog', 'hail']
const text = async (name: string, rows: readonly string[]) => {
  await writeFile(at(name), `${rows.join('\n')}\n`)
  return at(name)
}
const scored = async (more: Partial<ScoreMultiLabelOptions> = {}, out = 'out') =>
  scoreMultiLabel({ matrix: at('p.npy'), labels: at('given.npy'), out: at(out), ...more })

async function rowsOf(path: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = []
  for await (const batch of openTable(path)) for (const row of batch) rows.push(row.toJSON())
  return rows
}

test('scores and issues are cleanlab’s', async () => {
  const { issues, classes, suspects } = await scored()
  const rows = await rowsOf(at('out/scores.parquet'))
  expectClose(
    rows.map(row => row.label_quality as number),
    cleanlab.softmin,
    1e-5,
  )
  const own = new Set(suspects(issues).map(({ exampleId, className }) => `${exampleId} ${className}`))
  const theirs = cleanlab.issues.flatMap((flags, i) =>
    flags.flatMap((flag, c) => (flag === 1 ? [`${i} ${c}`] : [])),
  )
  // Counts are rounded at other places: one more or less of a side.
  const common = theirs.filter(pair => own.has(pair)).length
  expect(theirs.length).toBeGreaterThan(10)
  expect(common).toBeGreaterThanOrEqual(theirs.length - 3)
  expect(own.size).toBeLessThanOrEqual(common + 3)
  expect(classes.map(({ given }) => given)).toEqual(
    names.map((_, c) => cleanlab.given.reduce((sum, row) => sum + row[c], 0)),
  )
  const table = await rowsOf(at('out/issues.parquet'))
  expect(table.map(row => row.rank)).toEqual(table.map((_, i) => i + 1))
  expect(table).toHaveLength(issues)
  expect(rows.reduce((sum, row) => sum + (row.issues as number), 0)).toBe(issues)
})

describe('the same labels in every form', () => {
  const forms: [string, () => Promise<string>][] = [
    [
      'a column of 0 and 1 a class',
      () => text('columns.csv', [names.join(','), ...cleanlab.given.map(String)]),
    ],
    [
      'such columns in another order',
      () =>
        text('turned.csv', [
          names.toReversed().join(','),
          ...cleanlab.given.map(row => row.toReversed().join(',')),
        ]),
    ],
    [
      'lists of names',
      () =>
        text('lists.csv', [
          'labels,page',
          ...cleanlab.given.map((row, i) => `${names.filter((_, c) => row[c] === 1).join('|')},${i}`),
        ]),
    ],
    [
      'lists of indexes',
      () =>
        text('indexes.csv', [
          'labels,page',
          ...cleanlab.given.map((row, i) => `${row.flatMap((flag, c) => (flag ? [c] : [])).join(';')},${i}`),
        ]),
    ],
  ]
  test.each(forms)('%s', async (_, labels) => {
    await scored({ labels: await labels(), classNames: names }, 'form')
    await scored({ classNames: names }, 'array')
    expect(await readFile(at('form/scores.parquet'))).toEqual(await readFile(at('array/scores.parquet')))
    expect(await readFile(at('form/issues.parquet'))).toEqual(await readFile(at('array/issues.parquet')))
  })
})

test('logits are those before a sigmoid', async () => {
  const fromLogits = await scored({ matrix: at('logits.npy'), form: 'logits' }, 'logits')
  const plain = await scored()
  expect(fromLogits.classes.map(({ issues }) => issues)).toEqual(plain.classes.map(({ issues }) => issues))
})

test('a budget counts pairs, the most suspicious of all classes', async () => {
  const all = await scored({ decision: { rule: 'threshold', threshold: 1 } })
  const some = await scored({ decision: { rule: 'budget', count: 12 } }, 'budget')
  expect(some.issues).toBe(12)
  expect(some.suspects(12)).toEqual(all.suspects(12))
})

describe('what does not fit', () => {
  const failing = async (more: Partial<ScoreMultiLabelOptions>) =>
    scored(more, 'bad').then(
      () => undefined,
      (error: unknown) => error,
    )

  test('a value that is neither 0 nor 1', async () => {
    const values = Uint8Array.from(cleanlab.given.flat())
    values[13] = 2
    await writeNpy(at('two.npy'), { dtype: 'uint8', shape: [5] }, [values])
    expect(await failing({ labels: at('two.npy') })).toMatchObject({ row: 2, key: '3' })
  })

  test('a probability above 1', async () => {
    const values = Float32Array.from(cleanlab.probabilities.flat())
    values[7] = 1.5
    await writeNpy(at('high.npy'), { dtype: 'float32', shape: [5] }, [values])
    const error = await failing({ matrix: at('high.npy') })
    expect(error).toBeInstanceOf(DataError)
    expect(error).toMatchObject({ row: 1 })
  })

  test('labels of more classes', async () => {
    await writeNpy(at('six.npy'), { dtype: 'uint8', shape: [6] }, [new Uint8Array(6)])
    expect(await failing({ labels: at('six.npy') })).toBeInstanceOf(ConfigError)
  })

  test('a class that nobody knows', async () => {
    const labels = await text('wind.csv', ['labels,page', 'sun,0', 'sun|wind,1'])
    expect(await failing({ labels, classNames: names })).toMatchObject({ row: 1, key: 'labels' })
  })

  test('fewer examples', async () => {
    const labels = await text('few.csv', ['labels,page', 'sun,0'])
    const error = (await failing({ labels, classNames: names })) as Error
    expect(error.message).toContain('predictions of 120 examples')
  })
})
