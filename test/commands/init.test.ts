/** What `pieline init` asks, and what it says of data that leave doubts. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { temporaryFolder, writeBytes, writeColumns } from '../dataset/data.js'
import { commandLine, pieline } from './cli.js'

/** A table as Hugging Face has it, with two columns of classes. */
async function animals(): Promise<string> {
  const folder = await temporaryFolder()
  const rows = Array.from({ length: 60 }, (_, row) => row)
  const classes = (names: readonly string[]) => ({ _type: 'ClassLabel', names })
  await writeColumns(
    join(folder, 'animals.parquet'),
    {
      x: ['float', rows.map(row => row / 7)],
      kind: ['integer', rows.map(row => row % 2)],
      species: ['integer', rows.map(row => row % 4)],
    },
    {
      huggingface: JSON.stringify({
        info: {
          features: { kind: classes(['cat', 'dog']), species: classes(['lynx', 'fox', 'lion', 'wolf']) },
        },
      }),
    },
  )
  return folder
}

const written = async (folder: string) => parse(await readFile(join(folder, 'pieline.yaml'), 'utf8'))

test('without a terminal it takes the likeliest column, and says which others may be meant', async () => {
  const folder = await animals()
  const { code, stdout, stderr } = await pieline(folder, 'init', 'animals.parquet')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('60 training examples, none for testing')
  expect(stdout).toContain('the label is species; kind may be meant too (--label)')
  expect(stdout).toMatch(/the run: about .+ of computing with \d+ workers, .+ of memory in training/)
  expect((await written(folder)).dataset.label).toBe('species')
})

test('for machines it says what it found and what the run will cost', async () => {
  const folder = await animals()
  const { stdout } = await pieline(folder, 'init', 'animals.parquet', '--label', 'kind', '--json')
  const said = JSON.parse(stdout)
  expect(said).toMatchObject({
    file: join(folder, 'pieline.yaml'),
    train: 60,
    test: 0,
    label: 'kind',
    classes: [
      { name: 'cat', examples: 30 },
      { name: 'dog', examples: 30 },
    ],
    sizes: [],
    odd: [],
    copies: { examples: 0 },
  })
  expect(said.seconds).toBeGreaterThan(0)
  expect(said.memoryBytes).toBeGreaterThan(0)
})

test('without anything to go by it stops, however little it may ask', async () => {
  const folder = await temporaryFolder()
  await writeColumns(join(folder, 'numbers.parquet'), { a: ['float', [1, 2]], b: ['integer', [0, 1]] })
  const { code, stderr } = await pieline(folder, 'init', 'numbers.parquet', '--yes')
  expect(code).not.toBe(0)
  expect(stderr).toContain('no column looks like a label')
  expect(stderr).toContain('Name it with --label. The columns are a, b.')
  expect(existsSync(join(folder, 'pieline.yaml'))).toBe(false)
})

test('takes the only column of text for the label, and says so', async () => {
  const folder = await temporaryFolder()
  const lines = Array.from({ length: 20 }, (_, row) => `r${row};${row},5;${row % 2 === 0 ? 'Élan' : 'b, c'}`)
  await writeBytes(join(folder, 'data.csv'), `id;size;kind of animal\r\n${lines.join('\r\n')}\r\n`)
  const { stdout, stderr } = await pieline(folder, 'init', 'data.csv')
  expect(stderr).toBe('')
  expect(stdout).toContain('2 classes with 10 examples each: b, c, Élan')
  expect(stdout).toContain('the label is kind of animal, the only column of text (--label names another)')
  expect((await written(folder)).dataset).toMatchObject({ label: 'kind of animal', id: 'id' })
})

// util-linux's script gives a program a terminal of its own.
test.skipIf(process.platform !== 'linux' || !existsSync('/usr/bin/script'))(
  'on a terminal it asks which column is the label, unless it is not to',
  async () => {
    const folder = await animals()
    async function onTerminal(typed: string, ...args: string[]): Promise<string> {
      const command = commandLine('init', 'animals.parquet', '--force', ...args)
      const quoted = command.map(part => `'${part}'`).join(' ')
      const child = spawn('/usr/bin/script', ['-qec', quoted, '/dev/null'], {
        cwd: folder,
        env: { ...process.env, NO_COLOR: '1' },
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      child.stdout.once('data', () => child.stdin.write(typed))
      return text(child.stdout)
    }
    const asked = await onTerminal('2\n')
    expect(asked).toContain('Which column is the label?')
    expect(asked).toContain('1  species')
    expect(asked).toContain('2  kind')
    expect((await written(folder)).dataset.label).toBe('kind')
    expect(await onTerminal('', '--yes')).not.toContain('Which column')
    expect((await written(folder)).dataset.label).toBe('species')
  },
)

test('what people read of a table is shown, if the test data have it too', async () => {
  const folder = await temporaryFolder()
  const lines = Array.from(
    { length: 40 },
    (_, row) => `review ${row},${row % 3},by,${row},${row % 2 ? 'good' : 'bad'}`,
  )
  await writeBytes(join(folder, 'train.csv'), `text,x,author,row,label\n${lines.join('\n')}\n`)
  await pieline(folder, 'init', 'train.csv')
  expect(await written(folder)).toMatchObject({ dataset: { text: ['text', 'author'] } })
  await writeBytes(join(folder, 'test.csv'), 'text,x,row,label\na review,1,1,good\nand another,2,2,bad\n')
  await pieline(folder, 'init', 'train.csv', '--force')
  expect(await written(folder)).toMatchObject({ dataset: { text: 'text', test: 'test.csv' } })
})
