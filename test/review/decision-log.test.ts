import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decisionsPath, openDecisionLog, readDecisions } from '../../src/review/decision-log.js'
import { isUndo } from '../../src/review/decisions.js'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-decisions-'))
  path = join(folder, 'decisions.jsonl')
})
afterEach(() => rm(folder, { recursive: true }))

const keep = (example_id: string) => ({ example_id, given: 'cat', action: 'keep' as const })
const ids = async () => (await readDecisions(path)).events.map(({ example_id }) => example_id)

test('decisions lie beside the run, so that the next run of the pipeline has them', () => {
  expect(decisionsPath('/data/runs/glyphs/20260101T000000.000Z')).toBe('/data/runs/glyphs/decisions.jsonl')
})

test('a file that is not there holds nothing', async () => {
  expect(await readDecisions(path)).toEqual({ events: [], torn: [] })
})

test('what one process wrote comes to another as news, once', async () => {
  const [one, other] = [await openDecisionLog(path), await openDecisionLog(path)]
  await one.decide([keep('a'), keep('b')], 'anna')
  expect((await other.news()).map(({ example_id }) => example_id)).toEqual(['a', 'b'])
  expect(await other.news()).toEqual([])
  await other.decide([keep('c')], 'ben')
  expect((await one.news()).map(({ reviewer }) => reviewer)).toEqual(['anna', 'anna', 'ben'])
  const [first] = (await readDecisions(path)).events
  await one.undo([first!], 'anna')
  const [taken] = await other.news().then(events => events.filter(isUndo))
  expect(taken).toMatchObject({ example_id: 'a', given: 'cat', undoes: first!.id, reviewer: 'anna' })
  await one.close()
  await other.close()
})

test('a line that another process is still writing is waited for', async () => {
  const log = await openDecisionLog(path)
  await log.decide([keep('a')], 'anna')
  const [line] = (await readFile(path, 'utf8')).split('\n')
  await log.news()
  const later = line!.replace('"a"', '"später"')
  const bytes = Buffer.from(`${later}\n`)
  // In the middle of a character.
  const middle = bytes.indexOf('ä') + 1
  await appendFile(path, bytes.subarray(0, middle))
  expect(await log.news()).toEqual([])
  await appendFile(path, bytes.subarray(middle))
  expect((await log.news()).map(({ example_id }) => example_id)).toEqual(['später'])
  await log.close()
})

describe('a crash', () => {
  test('at any byte of a write loses nothing that was saved before or after', async () => {
    const first = await openDecisionLog(path)
    for (const id of ['a', 'b', 'c']) await first.decide([keep(id)], 'anna')
    await first.close()
    const whole = await readFile(path)
    const ends = [...whole.entries()].filter(([, byte]) => byte === 0x0a).map(([at]) => at)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), async cut => {
        await writeFile(path, whole)
        await truncate(path, cut)
        const log = await openDecisionLog(path)
        await log.decide([keep('d')], 'anna')
        const saved = ['a', 'b', 'c'].filter((_, i) => cut >= ends[i]!)
        expect(await ids()).toEqual([...saved, 'd'])
        expect((await log.news()).map(({ example_id }) => example_id)).toEqual([...saved, 'd'])
        const lastEnd = ends.findLast(end => end <= cut)
        const torn = cut > (lastEnd === undefined ? 0 : lastEnd + 1) && !ends.includes(cut)
        expect(log.torn).toEqual(torn ? [saved.length + 1] : [])
        await log.close()
      }),
      { numRuns: 60 },
    )
  })

  test('that left zeros is no different', async () => {
    const log = await openDecisionLog(path)
    await log.decide([keep('a')], 'anna')
    await log.close()
    await appendFile(path, Buffer.alloc(300))
    const again = await openDecisionLog(path)
    await again.decide([keep('b')], 'anna')
    expect(await ids()).toEqual(['a', 'b'])
    expect(again.torn).toEqual([2])
    await again.close()
  })
})

test('a file that became shorter stops the review instead of misleading it', async () => {
  const log = await openDecisionLog(path)
  await log.decide([keep('a')], 'anna')
  await log.news()
  await truncate(path, 3)
  await expect(log.news()).rejects.toThrow('became shorter')
  await log.close()
})

test('a line that somebody spoilt is named', async () => {
  await writeFile(path, '{"id": "1", "action": "keep"}\n')
  await expect(openDecisionLog(path)).rejects.toMatchObject({
    file: path,
    message: expect.stringContaining('line 1 is no decision'),
  })
})

test('two processes that write at once lose nothing', async () => {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const writer = join(import.meta.dirname, 'decision-writer.ts')
  const reviewers = ['anna', 'ben']
  const each = 30
  const ends = reviewers.map(reviewer =>
    once(
      spawn(process.execPath, ['--import', loader, writer, path, reviewer, String(each)], {
        stdio: 'inherit',
      }),
      'exit',
    ),
  )
  expect((await Promise.all(ends)).map(([code]) => code)).toEqual([0, 0])
  const { events, torn } = await readDecisions(path)
  expect(torn).toEqual([])
  for (const reviewer of reviewers) {
    const own = events.filter(event => event.reviewer === reviewer).map(({ example_id }) => example_id)
    expect(own).toEqual(Array.from({ length: each }, (_, i) => `${reviewer}-${i}`))
  }
})
