import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTable } from '../../src/pipeline/files.js'
import { pieline } from './cli.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-score-cli-'))
  const labels = ['cat', 'cat', 'dog', 'dog', 'owl', 'owl']
  await writeFile(
    join(folder, 'labels.csv'),
    `id,label,true_label\n${labels.map((label, i) => `img${i},${label},${i === 3 ? 'owl' : label}`).join('\n')}\n`,
  )
  const said = ['.8,.1,.1', '.5,.3,.2', '.1,.8,.1', '.2,.1,.7', '.1,.3,.6', '.4,.3,.3']
  await writeFile(
    join(folder, 'p.csv'),
    `id,cat,dog,owl\n${said.map((row, i) => `img${i},${row}`).join('\n')}\n`,
  )
  const votes = (members: readonly string[][]) =>
    `a,b,c\n${labels.map((_, i) => members.map(member => member[i]).join(',')).join('\n')}\n`
  const right = [...labels]
  const wrong = ['cat', 'cat', 'dog', 'owl', 'owl', 'cat']
  await writeFile(join(folder, 'dense.csv'), votes([right, wrong, wrong]))
  await writeFile(
    join(folder, 'sparse.csv'),
    votes([wrong, wrong, ['dog', 'dog', 'dog', 'cat', 'owl', 'cat']]),
  )
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const matrix = ['--probabilities', 'p.csv', '--labels', 'labels.csv']

test('one matrix: a summary, and a table', async () => {
  const { code, stdout, stderr } = await pieline(folder, 'score', ...matrix, '--budget', '2')
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stdout).toContain('6 examples · 3 classes · 66.7\u202f% of the given labels predicted')
  expect(stdout).toMatch(
    /2 label issues found · \d labels estimated to be wrong \(\d to \d\); against the known truth:/,
  )
  expect(stdout).toMatch(
    /img3 +dog +0\.\d+ +wrong label +owl +0\.\d+\n +img5 +owl +0\.\d+ +[a-z ]+ +cat +0\.\d+/,
  )
  expect(stdout).toContain('tables  scores/scores.parquet')
  const issues: unknown[] = []
  for await (const batch of openTable(join(folder, 'scores/scores.parquet'))) {
    for (const row of batch) if (row.is_label_issue) issues.push(row.example_id)
  }
  expect(issues).toEqual(['img3', 'img5'])
})

test('as JSON, under a budget, into a folder of its own', async () => {
  const { code, stdout } = await pieline(
    folder,
    'score',
    ...matrix,
    '--budget',
    '1',
    '--out',
    'one',
    '--json',
  )
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    examples: 6,
    classNames: ['cat', 'dog', 'owl'],
    labelIssues: 1,
    truth: { issues: 1, averagePrecision: 1, precision: 1, recall: 1 },
    suspects: [{ exampleId: 'img3', label: 'dog', suggestedLabel: 'owl' }],
    files: ['one/scores.parquet', 'one/noise.parquet'],
  })
})

test('populations: the audit of a run', async () => {
  const { code, stdout, stderr } = await pieline(
    folder,
    'score',
    '--predictions',
    'dense=dense.csv',
    '--predictions',
    'magnitude-0.9=sparse.csv',
    '--form',
    'labels',
    '--labels',
    'labels.csv',
    '--out',
    'audit',
  )
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stdout).toMatch(/level +accuracy +PIEs/)
  expect(stdout).toMatch(/magnitude-0\.9 +[\d.]+ ± [\d.]+\u202f% +0 +0\.0\u202f%/)
  expect(stdout).toContain('tables  audit/scores.parquet, audit/levels.parquet, audit/classes.parquet')
})

test.each([
  [['--labels', 'labels.csv'], 2, 'Give --probabilities, --logits, or --predictions'],
  [['--probabilities', 'p.csv'], 2, "required option '-l, --labels <file>' not specified"],
  [[...matrix, '--budget', '3', '--threshold', '0.2'], 2, 'cannot be used with'],
  [[...matrix, '--form', 'logits'], 2, '--form goes with --predictions'],
  [['--predictions', 'a.csv', '--predictions', 'b.csv', '--labels', 'labels.csv'], 2, 'names no level'],
  [['--probabilities', 'nowhere.npy', '--labels', 'labels.csv'], 3, 'nowhere.npy: the file cannot be opened'],
  [[...matrix, '--label', 'id'], 3, 'the label "img0" is none of the 3 classes'],
])('%j ends with exit code %i', async (args, exitCode, words) => {
  const { code, stderr } = await pieline(folder, 'score', ...args)
  expect(stderr).toContain(words)
  expect(stderr).not.toContain('mistake in pieline')
  expect(code).toBe(exitCode)
})

test('logits taken for probabilities are told with their row and what to say', async () => {
  await writeFile(
    join(folder, 'l.csv'),
    (await readFile(join(folder, 'p.csv'), 'utf8')).replace('.2,.1,.7', '2,-1,7'),
  )
  const { code, stderr } = await pieline(folder, 'score', '-p', 'l.csv', '-l', 'labels.csv')
  expect(stderr).toContain('error l.csv, row 3: the probability of class 1 is -1')
  expect(stderr).toContain('If these are logits, say so: --logits')
  expect(code).toBe(3)
})
