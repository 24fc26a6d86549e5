/** A user's way through the commands, on images of his own. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { randomStream } from '../../src/random.js'
import { pieline, start } from './cli.js'

const perClass = 24
const quick = ['--set', 'model.epochs=1', '--set', 'population.seeds=2', '--set', 'population.crossFit=2']
const small = [...quick, '--set', 'retrain.seeds=2', '--set', 'retrain.arms=[all, cleaned]']

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-journey-'))
  // What lies around where somebody works with npm.
  await mkdir(join(folder, 'node_modules', 'package'), { recursive: true })
  await writeFile(join(folder, 'node_modules', 'package', 'logo.png'), await picture(0, 0))
  for (const [label, name] of ['across', 'down', 'dots'].entries()) {
    await mkdir(join(folder, name))
    for (let i = 0; i < perClass; i++)
      await writeFile(join(folder, name, `${i}.png`), await picture(label, i))
  }
}, 120_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

/** 12×12 grey stripes across or down, or neither, with noise. */
function picture(label: number, index: number): Promise<Buffer> {
  const side = 12
  const random = randomStream(label, index)
  const pixels = Uint8Array.from({ length: side * side }, (_, at) => {
    const stripe = [Math.floor(at / side) % 4 < 2, (at % side) % 4 < 2, (at * 7) % 5 < 2][label]
    return (stripe ? 180 : 30) + random.integer(32)
  })
  return sharp(pixels, { raw: { width: side, height: side, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer()
}

describe('init', () => {
  test('looks at the images and writes a pipeline that loads', async () => {
    const { code, stdout, stderr } = await pieline(folder, 'init')
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stdout).toContain('72 training examples')
    expect(stdout).toContain('3 classes with 24 examples each: across, dots, down')
    expect(stdout).toContain('images, 12×12, grey')
    const written = await readFile(join(folder, 'pieline.yaml'), 'utf8')
    expect(parse(written)).toMatchObject({
      dataset: { format: 'folder', path: '.', testShare: 0.2 },
      model: { architecture: 'cnn-fast' },
      population: { seeds: 5, crossFit: 5 },
    })
  })

  test('overwrites nothing unless it is told to', async () => {
    const before = await readFile(join(folder, 'pieline.yaml'), 'utf8')
    const refused = await pieline(folder, 'init')
    expect(refused.stderr).toContain('pieline.yaml: is there already')
    expect(refused.code).toBe(2)
    expect((await pieline(folder, 'init', '--force')).code).toBe(0)
    expect(await readFile(join(folder, 'pieline.yaml'), 'utf8')).toBe(before)
  })
})

describe('run', () => {
  test('stopped by Ctrl-C in the middle of training says how to go on, and goes on', async () => {
    const { child, outcome } = start(folder, 'run', ...small, '--json')
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line)
      if (event.event === 'stage-started' && event.stage === 'compress') child.kill('SIGINT')
    }
    const { code, stderr } = await outcome
    expect(stderr).toContain('The same command goes on from here.')
    expect(code).toBe(130)
    const status = await pieline(folder, 'status', '--json')
    expect(JSON.parse(status.stdout)).toMatchObject({ run: { status: 'interrupted' } })
    expect((await pieline(folder, 'report')).code).toBe(2)
  }, 120_000)

  test('goes on to its end: tables, splits and a report, and a table of what was found', async () => {
    const { code, stdout, stderr } = await pieline(folder, 'run', ...small)
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stderr).toContain('stages are there already')
    expect(stderr).toMatch(/^train: reused/m)
    for (const words of [
      'level',
      'dense',
      'magnitude-0.9',
      'int8-static',
      'label issue',
      'cleaned',
      'report',
    ]) {
      expect(stdout).toContain(words)
    }
    const page = /report {2}(.*report\.html)/.exec(stdout)![1]
    expect(existsSync(join(folder, page))).toBe(true)
  }, 120_000)

  test('again does nothing anew, and a dry run knows it', async () => {
    const dry = await pieline(folder, 'run', ...small, '--dry-run')
    expect(dry.stdout.match(/there already/g)).toHaveLength(10)
    const { stdout } = await pieline(folder, 'run', ...small, '--json')
    const events = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(events.filter(({ event }) => event === 'stage-finished').every(({ reused }) => reused)).toBe(true)
    expect(events.at(-1)).toMatchObject({ event: 'run-finished' })
  }, 60_000)

  test('with another seed of the population tells in a dry run which member is missing', async () => {
    const { stdout } = await pieline(folder, 'run', ...small, '--set', 'population.seeds=3', '--dry-run')
    expect(stdout).toContain('1 of 3 members to train: dense 2')
  }, 60_000)
})

describe('the commands about runs', () => {
  test('status shows the newest run and lists the others', async () => {
    const { code, stdout } = await pieline(folder, 'status')
    expect(code).toBe(0)
    expect(stdout).toMatch(/\S+ \d{8}T\d{6}\.\d{3}Z {2}done/)
    expect(stdout).toMatch(/ingest +done +reused +\d+ training examples/)
    expect(stdout).toContain('interrupted')
  })

  test('report prints a path', async () => {
    const { stdout } = await pieline(folder, 'report')
    expect(await readFile(stdout.trim(), 'utf8')).toContain('<html')
  })

  test('query answers as a table, JSON and CSV', async () => {
    const sql = 'SELECT split, count(*) AS examples FROM scores GROUP BY split ORDER BY split'
    const [table, json, csv] = await Promise.all([
      pieline(folder, 'query', sql),
      pieline(folder, 'query', sql, '--json'),
      pieline(folder, 'query', sql, '--csv'),
    ])
    expect(table.stdout).toMatch(/split +examples\n +test +\d+\n +train +\d+/)
    const rows = json.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(rows.map(({ split }) => split)).toEqual(['test', 'train'])
    expect(rows.reduce((sum, { examples }) => sum + Number(examples), 0)).toBe(3 * perClass)
    expect(csv.stdout.split('\n')[0]).toBe('split,examples')
    expect(csv.stdout).toContain(`train,${rows[1].examples}\n`)
  })

  test('query gives 32-bit floats as they were meant', async () => {
    const { stdout } = await pieline(folder, 'query', 'SELECT 0.4::FLOAT AS a, 0.1::FLOAT AS b', '--csv')
    expect(stdout).toBe('a,b\n0.4,0.1\n')
  })

  test('query changes nothing, and knows what table was meant', async () => {
    const wrong = await pieline(folder, 'query', 'SELECT * FROM score')
    expect(wrong.stderr).toContain('there is no table score')
    expect(wrong.stderr).toContain('Did you mean "scores"?')
    for (const sql of [
      'DROP VIEW scores',
      "COPY scores TO 'out.csv'",
      'CREATE TABLE t (a INT)',
      'SELECT 1; SELECT 2',
    ]) {
      expect(await pieline(folder, 'query', sql)).toMatchObject({ code: 2, stdout: '' })
    }
    expect(existsSync(join(folder, 'out.csv'))).toBe(false)
  }, 60_000)
})
