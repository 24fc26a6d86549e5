import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { planApply, writeApplied } from '../../src/apply/apply.js'
import { revertVersion } from '../../src/apply/revert.js'
import { openTable } from '../../src/pipeline/files.js'
import type { Decision } from '../../src/review/decisions.js'
import { rowsOf, temporaryFolder, writeBytes } from '../dataset/data.js'
import { finishedRun } from './finished-run.js'

const time = '2026-01-03T00:00:00.000Z'
const decision = (id: string, given: string, reviewer: string, label: string): Decision => ({
  id: `${id} ${reviewer}`,
  example_id: id,
  given,
  reviewer,
  time,
  action: 'relabel',
  label,
})

async function table() {
  const folder = await temporaryFolder()
  const path = await writeBytes(join(folder, 'a.csv'), 'id,x,label\na,1,cat\nb,2,dog\nc,3,cat\nd,4,dog\n')
  return { folder, path, dataset: { path, id: 'id', features: ['x'] } }
}

test('suggestions are taken from their probability on, where nobody decided and nobody disagrees', async () => {
  const { folder, dataset } = await table()
  // Of a, b, c and d every label is an issue; the other class is suggested.
  const sure: Record<string, number> = { a: 0.95, b: 0.9, c: 0.99, d: 0.5 }
  const run = await finishedRun(dataset, ({ example_id, label }) => [
    1 - Number(label),
    sure[String(example_id)],
  ])
  const events = [
    { id: 'kept', example_id: 'a', given: 'cat', reviewer: 'Ada', time, action: 'keep' } as const,
    decision('c', 'cat', 'Ada', 'dog'),
    { id: 'other', example_id: 'c', given: 'cat', reviewer: 'Bob', time, action: 'drop' } as const,
    decision('e', 'cat', 'Ada', 'dog'),
  ]
  const plan = await planApply(run, { events, suggestions: 0.9 })
  expect(plan).toMatchObject({ kept: 1, disputed: 1, unmatched: 1 })
  expect(plan.changes).toMatchObject([
    { exampleId: 'b', row: 1, from: 1, to: 0, who: expect.stringContaining('run') },
  ])
  await writeApplied(plan, join(folder, 'new'), { copy: false })
  const [row] = await rowsOf(openTable(join(folder, 'new', 'changes.parquet')))
  expect(row).toMatchObject({
    example_id: 'b',
    file: 'a.csv',
    row: 1,
    action: 'relabel',
    from: 'dog',
    to: 'cat',
  })
})

test('nothing is overwritten, and nothing is written of data that changed', async () => {
  const { folder, path, dataset } = await table()
  const run = await finishedRun(dataset)
  const plan = await planApply(run, { events: [decision('a', 'cat', 'Ada', 'dog')] })
  await mkdir(join(folder, 'there'))
  await expect(writeApplied(plan, join(folder, 'there'), { copy: false })).rejects.toThrow('is there already')
  await expect(planApply(run, { events: [] })).rejects.toThrow('nothing is to change')
  const unknown = planApply(run, { events: [decision('a', 'cat', 'Ada', 'dgo')] })
  await expect(unknown).rejects.toMatchObject({ mend: expect.stringContaining('Did you mean "dog"?') })
  await writeBytes(path, 'id,x,label\na,1,cat\nb,2,dog\nc,3,dog\nd,4,dog\n')
  const changed = planApply(run, { events: [decision('a', 'cat', 'Ada', 'dog')] })
  await expect(changed).rejects.toThrow('the data are not those that the run read')
  await expect(revertVersion(folder, join(folder, 'old'), false)).rejects.toThrow('is no version')
})

test.each(['../stolen.csv', '/etc/stolen.csv', 'a/../../stolen.csv'])(
  'a version that would be taken back to %s',
  async was => {
    const folder = await temporaryFolder()
    await writeBytes(join(folder, 'version/data/a.csv'), 'x,label\n1,a\n')
    await writeBytes(join(folder, 'version/undo.jsonl'), `${JSON.stringify({ moved: 'a.csv', was })}\n`)
    await expect(revertVersion(join(folder, 'version'), join(folder, 'back'), true)).rejects.toThrow(
      'the line is damaged',
    )
    expect(await readdir(folder)).toEqual(['version'])
  },
)
