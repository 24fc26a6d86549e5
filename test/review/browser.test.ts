import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openReview, type Review } from '../../src/review/review.js'
import { type ReviewServer, serveReview } from '../../src/review/server.js'
import { seriousFindings } from '../report/axe.js'
import { findChromium, launchChromium } from '../report/chromium.js'
import { type FixtureRun, writeRun } from './run-fixture.js'

const executable = findChromium()
const letters = [...'ABCDEFGHIJ']
/** Waits for a page on a busy machine. */
const poll = <T>(read: () => T) => expect.poll(read, { timeout: 30_000 })

describe.skipIf(executable === undefined)('the review in a browser', () => {
  let browser: Browser
  let folder: string
  /** What a page complained of since it was opened. */
  let trouble: string[]
  let ends: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    browser = await launchChromium(executable!)
    folder = await mkdtemp(join(tmpdir(), 'pieline-page-'))
  })
  afterAll(async () => {
    await browser?.close()
    await rm(folder, { recursive: true })
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
    for (const end of ends) await end()
    ends = []
  })

  async function serve(
    run: FixtureRun,
    reviewer = 'anna',
  ): Promise<{ review: Review; server: ReviewServer }> {
    const review = await openReview(run, reviewer)
    const server = await serveReview(review, { host: '127.0.0.1', port: 0 })
    ends.push(async () => {
      await server.close()
      await review.close()
    })
    return { review, server }
  }

  const newRun = async (options: Parameters<typeof writeRun>[1]) =>
    writeRun(await mkdtemp(join(folder, 'runs-')), options)

  async function open(address: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await (await browser.newContext(options)).newPage()
    trouble = []
    page.on('request', request => {
      if (new URL(request.url()).origin !== new URL(address).origin)
        trouble.push(`asked for ${request.url()}`)
    })
    page.on('console', message => trouble.push(`${message.type()}: ${message.text()}`))
    page.on('pageerror', error => trouble.push(`error: ${error.message}`))
    page.on('dialog', dialog => trouble.push(`dialog: ${dialog.message()}`))
    await page.goto(address)
    await page.waitForSelector('#suspect .verdict, #suspect .empty')
    return page
  }

  const shownId = (page: Page) =>
    page.evaluate(() => document.querySelector('#suspect .where:last-of-type bdi')?.textContent ?? null)
  const saved = (page: Page) => poll(() => page.textContent('#saved')).toBe('saved')

  test('a confusion pair is chosen in the grid, taken at once, and taken back', async () => {
    const run = await newRun({ suspects: 80, neighbors: 0 })
    const { review, server } = await serve(run)
    const page = await open(server.address)
    await page.click('#filter-box summary')
    const [pair] = await page.locator('select[name=pair] option').evaluateAll(options =>
      options.slice(1).map(option => ({
        value: (option as HTMLOptionElement).value,
        examples: Number(/\((\d+)\)/.exec(option.textContent!)![1]),
      })),
    )
    await page.selectOption('select[name=kind]', 'issue')
    await page.selectOption('select[name=pair]', pair!.value)
    await poll(() => page.textContent('#queue-status')).toBe(`${pair!.examples} suspects`)
    await page.locator('#view-one').focus()
    await page.keyboard.press('g')
    const cells = page.locator('#cells button')
    await poll(() => cells.count()).toBe(pair!.examples)
    // One is taken out by the space bar again.
    await page.keyboard.press('x')
    expect(await page.textContent('#chosen')).toBe(`${pair!.examples} chosen`)
    await cells.first().focus()
    await page.keyboard.press('Space')
    expect(await cells.first().getAttribute('aria-pressed')).toBe('false')
    await page.click('#choose-all')
    await poll(() => page.textContent('#chosen')).toBe(`${pair!.examples} chosen`)
    await page.keyboard.press('s')
    await saved(page)
    await poll(() => page.textContent('#cells')).toContain('There is nothing here')
    const [given, suggested] = pair!.value.split(' ').map(Number)
    const changed = () =>
      review.tables.suspects.flatMap((suspect, row) => {
        const decision = review.standing(row)?.decision
        return decision === undefined ? [] : [[suspect.given, decision.label]]
      })
    expect(changed()).toEqual(Array.from({ length: pair!.examples }, () => [given, letters[suggested!]]))
    await page.keyboard.press('z')
    await poll(() => cells.count()).toBe(pair!.examples)
    expect(changed()).toEqual([])
    expect(trouble).toEqual([])
  })

  test('undo comes back to the suspect, and previous and next look around', async () => {
    const { review, server } = await serve(await newRun({ suspects: 30 }))
    const page = await open(server.address)
    const ids = review.tables.suspects.map(({ id }) => id)
    for (const key of ['d', 'ArrowRight', 'c']) await page.keyboard.press(key)
    await poll(() => shownId(page)).toBe(ids[3])
    await saved(page)
    await page.keyboard.press('z')
    await poll(() => shownId(page)).toBe(ids[2])
    expect(review.standing(2)).toBeUndefined()
    await page.keyboard.press('ArrowLeft')
    expect(await shownId(page)).toBe(ids[1])
    await page.keyboard.press('p')
    expect(await shownId(page)).toBe(ids[0])
    expect(await page.textContent('#suspect')).toContain('Decided: anna drop')
    await poll(() => page.textContent('#detail')).toContain('anna, 20')
    // A note goes with the next decision, and keys typed into it are letters.
    await page.fill('#note', 'a duck?')
    await page.press('#note', 'Enter')
    await page.keyboard.press('u')
    await saved(page)
    expect(review.standing(0)!.decision).toMatchObject({ action: 'unsure', note: 'a duck?' })
    expect(trouble).toEqual([])
  })

  test('reviewers who disagree are shown', async () => {
    const run = await newRun({ suspects: 20 })
    const [{ server }, other] = [await serve(run), await serve(run, 'ben')]
    const page = await open(server.address)
    await page.keyboard.press('s')
    await saved(page)
    await other.review.decide([[0, { action: 'keep' }]])
    await page.click('#filter-box summary')
    await page.selectOption('select[name=state]', 'disputed')
    await poll(() => shownId(page)).toBe(run.ids[0])
    expect(await page.textContent('#suspect .disputed')).toMatch(/^Reviewers disagree: anna .*; ben keep$/)
    await page.keyboard.press('?')
    expect(await page.locator('dialog[open] tr').count()).toBeGreaterThan(10)
    expect(trouble).toEqual([])
  })

  test('hostile names stay text', async () => {
    const classNames = [
      '<script>document.title = "taken"</script>',
      '"><img src=x onerror="document.title = \'taken\'">',
      '\u202Egnorw',
      '__proto__',
      ...'EFGHIJ',
    ]
    const run = await newRun({ suspects: 30, classNames, id: row => `${classNames[row % 4]}/${row}.png` })
    const { review, server } = await serve(run)
    const page = await open(server.address)
    for (let row = 0; row < 10; row++) {
      expect(await shownId(page)).toBe(run.ids[row])
      await page.keyboard.press('s')
    }
    await page.keyboard.press('l')
    await page.keyboard.type('script')
    expect(await page.locator('#label-list li').allTextContents()).toEqual([classNames[0]])
    await page.keyboard.press('Escape')
    await page.keyboard.press('g')
    await poll(() => page.locator('#cells button').count()).toBe(20)
    await saved(page)
    expect(review.progress().decided).toBe(10)
    expect(await page.title()).toBe('glyphs: pieline review')
    expect(await page.evaluate(() => document.querySelectorAll('script, [onerror]').length)).toBe(1)
    expect(trouble).toEqual([])
  })

  test('texts are read in place of pictures: their beginning, all of it, and those of the like', async () => {
    const hostile = '<img src=x onerror=alert(1)> <b>bold</b>'
    const text = (row: number) => `${hostile} ${row} ${'שלום or a word '.repeat(row % 2 === 1 ? 800 : 1)}end`
    const run = await newRun({ suspects: 40, features: 5, text })
    const { review, server } = await serve(run)
    const page = await open(server.address)
    const { suspects } = review.tables
    const long = suspects.findIndex(({ exampleRow }) => exampleRow % 2 === 1)
    for (let step = 0; step < long; step++) await page.keyboard.press('n')
    const { exampleRow } = suspects[long]!
    await poll(() => page.textContent('#text')).toBe(text(exampleRow))
    const height = () => page.locator('#text').evaluate(shown => shown.clientHeight)
    const short = await height()
    expect(await page.textContent('#whole-text')).toMatch(/^Whole text \([\d,]+ characters\)$/)
    await page.keyboard.press('v')
    expect(await height()).toBeGreaterThan(2 * short)
    expect(await page.getAttribute('#whole-text', 'aria-expanded')).toBe('true')
    expect(await page.getAttribute('#text', 'dir')).toBe('auto')
    expect(await page.locator('#content details tbody tr').count()).toBe(5)
    expect(await page.locator('.near .text').count()).toBe(4)
    expect(await seriousFindings(page)).toEqual([])
    await page.keyboard.press('g')
    await poll(() => page.locator('#cells .text').count()).toBe(40)
    expect(await page.locator('#cells .text').first().textContent()).toBe(suspects[0]!.excerpt)
    await page.keyboard.press('/')
    await page.locator('input[name=text]').pressSequentially(`bold</b> ${exampleRow} `)
    await page.keyboard.press('Enter')
    await poll(() => page.locator('#cells .text').count()).toBe(1)
    expect(await seriousFindings(page)).toEqual([])
    expect(await page.locator('main b').count()).toBe(0)
    expect(trouble).toEqual([])
  })

  test('one of a thousand classes is found by a part of its name', async () => {
    const classNames = Array.from({ length: 1000 }, (_, i) => `class ${i}`)
    const { review, server } = await serve(await newRun({ suspects: 20, classNames }))
    const page = await open(server.address)
    await page.keyboard.press('l')
    await page.keyboard.type('77')
    await page.keyboard.press('ArrowDown')
    const wanted = await page.textContent('#label-list [aria-selected=true]')
    expect(wanted).toMatch(/^class \d*77\d*$/)
    expect(await page.getAttribute('#label-text', 'aria-activedescendant')).toBe('label-1')
    await page.keyboard.press('Enter')
    await saved(page)
    expect(review.standing(0)!.decision.label).toBe(wanted)
    expect(trouble).toEqual([])
  })

  test.each([
    ['light', 1200],
    ['dark', 1200],
    ['light', 360],
  ] as const)('axe finds nothing serious in the %s scheme at %i pixels', async (colorScheme, width) => {
    const { server } = await serve(await newRun({ suspects: 40 }))
    const page = await open(server.address, { colorScheme, viewport: { width, height: 800 } })
    await page.keyboard.press('k')
    await saved(page)
    await page.click('#filter-box summary')
    await poll(() => page.locator('.near li').count()).toBe(4)
    expect(await seriousFindings(page)).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
    await page.locator('#view-one').focus()
    await page.keyboard.press('l')
    expect(await seriousFindings(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.keyboard.press('g')
    await poll(() => page.locator('#cells button').count()).toBe(39)
    expect(await seriousFindings(page)).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
  })
})
