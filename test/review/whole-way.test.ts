/**
 * The whole way of a person: a run on data of which three labels in ten are wrong, a review of 200 suspects by keyboard
 * during which the server is killed, a new version of the data, and a run on that.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Difference } from '../../src/difference/difference.js'
import { openTable } from '../../src/pipeline/files.js'
import { randomStream } from '../../src/random.js'
import { readDecisions } from '../../src/review/decision-log.js'
import { currentDecisions, decisionKey } from '../../src/review/decisions.js'
import { imageColumn, numberColumn } from '../../src/tables/columns.js'
import { pieline, start } from '../commands/cli.js'
import { temporaryFolder, writeColumns } from '../dataset/data.js'
import { findChromium, launchChromium } from '../report/chromium.js'

const executable = findChromium()
const letters = [...'ABCDEFGHIJ']
const [trainExamples, testExamples, wrongShare] = [800, 400, 0.3]
/** How many suspects are decided, and after how many the server dies. */
const [decisions, untilKilled] = [200, 90]

const pipeline = `name: letters
dataset: { path: train.parquet, test: test.parquet, label: label, id: id }
model: { architecture: cnn-fast, width: 0.125, epochs: 6, batchSize: 32, flip: none }
population: { seeds: 2, crossFit: 2 }
compress: [{ method: magnitude, sparsity: [0.5], start: branch, end: 0.6 }]
`

interface Letter {
  readonly id: string
  readonly image: { readonly bytes: Uint8Array; readonly path: null }
  readonly given: string
  readonly truth: string
}

/** The first glyphs that show a letter, with labels of which a share is wrong. */
async function readLetters(part: 'train' | 'test', count: number, wrong: number): Promise<Letter[]> {
  const found: Letter[] = []
  const path = join(import.meta.dirname, `../../data/glyphs/${part}.parquet`)
  for await (const batch of openTable(path, { columns: ['image', 'true_label'] })) {
    const images = imageColumn(batch, 'image')
    for (const [row, label] of [...numberColumn(batch, 'true_label')].entries()) {
      if (label === null || found.length === count) continue
      const random = randomStream('letters', found.length)
      const other = (Number(label) + 1 + random.integer(letters.length - 1)) % letters.length
      found.push({
        id: `${part}-${found.length}`,
        image: { bytes: Uint8Array.from(images[row]!.bytes!), path: null },
        given: letters[random.uniform() < wrong ? other : Number(label)]!,
        truth: letters[Number(label)]!,
      })
    }
  }
  return found
}

const writeLetters = (path: string, rows: readonly Letter[]) =>
  writeColumns(path, {
    id: ['text', rows.map(({ id }) => id)],
    image: ['image', rows.map(({ image }) => image)],
    label: ['text', rows.map(({ given }) => given)],
  })

/** Starts the review's server as a process of its own. */
async function serve(folder: string) {
  const { child } = start(folder, 'review', 'letters', '--reviewer', 'anna', '--no-open', '--json')
  for await (const line of createInterface(child.stdout)) {
    const { address, decisions } = JSON.parse(line) as { address: string; decisions: string }
    return { child, address, decisions }
  }
  throw new Error('the server did not start')
}

/** The id of the suspect and its labels, given and suggested, once another than the last is shown. */
async function shownAfter(page: Page, last: string | undefined): Promise<{ id: string; labels: string[] }> {
  const handle = await page.waitForFunction(before => {
    const texts = (selector: string) =>
      [...document.querySelectorAll(selector)].map(({ textContent }) => textContent)
    const [id] = texts('#suspect .where:last-of-type bdi')
    return id === undefined || id === before ? false : { id, labels: texts('#suspect .verdict bdi') }
  }, last)
  return (await handle.jsonValue()) as { id: string; labels: string[] }
}

describe.skipIf(executable === undefined)('the whole way', () => {
  let browser: Browser
  const servers: Awaited<ReturnType<typeof serve>>[] = []
  beforeAll(async () => {
    browser = await launchChromium(executable!)
  })
  afterAll(async () => {
    for (const { child } of servers) child.kill('SIGKILL')
    await browser?.close()
  })

  async function open(address: string): Promise<Page> {
    const page = await (await browser.newContext()).newPage()
    await page.goto(address)
    await page.waitForSelector('#suspect .verdict')
    return page
  }

  const decided = async (page: Page) =>
    Number(/Decided(\d+)/.exec((await page.textContent('#progress'))!)![1])

  test('two hundred decided by keyboard, through a kill of the server, make better data', async () => {
    const folder = await temporaryFolder()
    const train = await readLetters('train', trainExamples, wrongShare)
    await writeLetters(join(folder, 'train.parquet'), train)
    const held = await readLetters('test', testExamples, 0)
    await writeLetters(join(folder, 'test.parquet'), held)
    await writeFile(join(folder, 'pieline.yaml'), pipeline)
    expect(await pieline(folder, 'run')).toMatchObject({ code: 0 })

    const truthOf = new Map([...train, ...held].map(({ id, truth }) => [id, truth]))
    const answers = new Map<string, { given: string; truth: string }>()
    /** Answers with the truth, as a person would by looking. */
    async function work(page: Page, count: number): Promise<void> {
      let last: string | undefined
      for (let answered = 0; answered < count; answered++) {
        const { id, labels } = await shownAfter(page, last)
        const truth = truthOf.get(id)!
        const [given, suggested] = labels
        if (truth === given) await page.keyboard.press('k')
        else if (truth === suggested) await page.keyboard.press('s')
        else {
          await page.keyboard.press('l')
          await page.keyboard.type(truth.toLowerCase())
          await page.keyboard.press('Enter')
        }
        answers.set(id, { given: given!, truth })
        last = id
      }
    }

    const first = await serve(folder)
    servers.push(first)
    const page = await open(first.address)
    await work(page, untilKilled)
    // The last answers may or may not be on the disk, but what the page showed as saved is.
    const shownAsSaved = await decided(page)
    first.child.kill('SIGKILL')
    await page.keyboard.press('k')
    await expect.poll(() => page.textContent('#trouble'), { timeout: 30_000 }).toContain('does not answer')
    expect(await page.textContent('#saved')).toBe('not saved')

    const second = await serve(folder)
    servers.push(second)
    const again = await open(second.address)
    const confirmed = await decided(again)
    expect(confirmed).toBeGreaterThanOrEqual(shownAsSaved)
    expect(confirmed).toBeLessThanOrEqual(untilKilled)
    await work(again, decisions - confirmed)
    await expect.poll(() => again.textContent('#saved'), { timeout: 30_000 }).toBe('saved')
    expect(await decided(again)).toBe(decisions)

    const { events, torn } = await readDecisions(second.decisions)
    expect(torn).toEqual([])
    const standings = currentDecisions(events)
    expect(answers.size).toBe(decisions)
    for (const [id, { given, truth }] of answers) {
      const { action, label } = standings.get(decisionKey(id, given))!.decision
      expect([id, action, label]).toEqual(truth === given ? [id, 'keep', undefined] : [id, 'relabel', truth])
    }

    const applied = await pieline(folder, 'apply', 'letters', '--output', 'letters-2', '--json')
    const changed = [...answers.values()].filter(({ given, truth }) => given !== truth).length
    const { relabeled, dataset } = JSON.parse(applied.stdout)
    expect(relabeled).toBe(changed)
    expect(changed).toBeGreaterThan(decisions / 2)
    const rerun = await pieline(folder, 'run', '--set', `dataset.path=${dataset.path}`)
    expect(rerun).toMatchObject({ code: 0 })
    const { stdout } = await pieline(folder, 'diff', 'letters', '--json')
    const difference = JSON.parse(stdout) as Difference
    expect(difference.examples.relabeled.count).toBe(changed)
    expect(difference.issues!.b).toBeLessThan(difference.issues!.a / 2)
    const [dense] = difference.levels
    expect(dense!.difference).toBeGreaterThan(0.03)
  }, 600_000)
})
