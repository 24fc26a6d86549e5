import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { pageSize } from '../../src/report/client/gallery.js'
import { clientScript } from '../../src/report/client-script.js'
import type { ReportData } from '../../src/report/data.js'
import { renderReport } from '../../src/report/report.js'
import { seriousFindings } from './axe.js'
import { findChromium, launchChromium } from './chromium.js'
import { reportFixture } from './fixture.js'

const executable = findChromium()

describe.skipIf(executable === undefined)('report.html in a browser', () => {
  let browser: Browser
  let folder: string
  let data: ReportData
  /** What a page asked for or complained of since it was opened. */
  let trouble: string[]

  beforeAll(async () => {
    browser = await launchChromium(executable!)
    folder = await mkdtemp(join(tmpdir(), 'pieline-report-'))
    data = await reportFixture({ suspects: 200, pictures: 80 })
    await write('plain', data)
  })
  afterAll(async () => {
    await browser?.close()
    await rm(folder, { recursive: true })
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
  })

  async function write(name: string, of: ReportData): Promise<void> {
    const page = renderReport(of, { script: await clientScript() })
    await writeFile(join(folder, `${name}.html`), page)
  }

  async function open(name: string, options: BrowserContextOptions = {}, hash = ''): Promise<Page> {
    const page = await (await browser.newContext(options)).newPage()
    const file = pathToFileURL(join(folder, `${name}.html`)).href
    trouble = []
    page.on('request', request => {
      if (!request.url().startsWith('data:') && !request.url().startsWith(file))
        trouble.push(`asked for ${request.url()}`)
    })
    page.on('console', message => trouble.push(`${message.type()}: ${message.text()}`))
    page.on('pageerror', error => trouble.push(`error: ${error.message}`))
    page.on('dialog', dialog => trouble.push(`dialog: ${dialog.message()}`))
    await page.goto(file + hash)
    return page
  }

  const status = (page: Page) => page.textContent('#gallery-status')
  const cards = (page: Page) => page.locator('#gallery [data-row]')
  const focusedRow = (page: Page) => page.evaluate(() => (document.activeElement as HTMLElement).dataset.row)

  it('opens from disk with no request and no complaint', async () => {
    const page = await open('plain')
    expect(await page.title()).toBe('glyphs: pieline report')
    expect(await cards(page).count()).toBe(pageSize)
    expect(await status(page)).toBe(`1–${pageSize} of 200`)
    expect(await page.isVisible('#needs-script')).toBe(false)
    const loaded = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLImageElement>('#gallery img')].every(
        image => image.naturalWidth === 28,
      ),
    )
    expect(loaded).toBe(true)
    expect(trouble).toEqual([])
  })

  it('filters by class, kind and level', async () => {
    const page = await open('plain')
    const { listed } = data.suspects
    const isPie = (row: (typeof listed)[number]) => row.votes.some(({ pie }) => pie)
    const total = async () => Number((await status(page))!.replace(/.* of /, '').replace('None shown', '0'))

    await page.selectOption('#filter-given', '2')
    expect(await total()).toBe(listed.filter(({ given }) => given === 2).length)
    await page.selectOption('#filter-suggested', '3')
    expect(await total()).toBe(listed.filter(({ given, suggested }) => given === 2 && suggested === 3).length)
    await page.click('#filters button[type=reset]')
    await expect.poll(total).toBe(200)
    await page.selectOption('#filter-kind', 'both')
    expect(await total()).toBe(listed.filter(row => row.issue && isPie(row)).length)
    await page.selectOption('#filter-kind', 'any')
    await page.selectOption('#filter-level', '4')
    expect(await total()).toBe(listed.filter(({ votes }) => votes[4]!.pie).length)
    await page.selectOption('#filter-level', '')
    await page.fill('#filter-text', listed[7]!.id)
    expect(await status(page)).toBe('1–1 of 1')
    await page.fill('#filter-text', 'no such id')
    expect(await page.textContent('#gallery')).toContain('No suspect fits')
    expect(trouble).toEqual([])
  })

  it('sorts, and turns pages', async () => {
    const page = await open('plain')
    await page.selectOption('#filter-order', 'probability')
    const order = data.suspects.listed
      .map(({ suggestedProbability }, row) => ({ row, value: Number(suggestedProbability.toPrecision(3)) }))
      .sort((a, b) => b.value - a.value || a.row - b.row)
      .map(({ row }) => String(row))
    const rows = () => cards(page).evaluateAll(all => all.map(card => (card as HTMLElement).dataset.row))
    expect(await rows()).toEqual(order.slice(0, pageSize))
    await page.click('#next')
    expect(await rows()).toEqual(order.slice(pageSize, 2 * pageSize))
    await page.fill('#page', '9')
    await page.press('#page', 'Enter')
    expect(await rows()).toEqual(order.slice(8 * pageSize, 200))
    expect(await page.isDisabled('#next')).toBe(true)
    await page.fill('#page', '-3')
    await page.press('#page', 'Enter')
    expect(await status(page)).toBe(`1–${pageSize} of 200`)
  })

  it('is walked through by keyboard', async () => {
    const page = await open('plain', { viewport: { width: 1000, height: 800 } })
    await page.focus('#filters button[type=reset]')
    await page.keyboard.press('Tab')
    expect(await focusedRow(page)).toBe('0')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    expect(await focusedRow(page)).toBe('2')
    await page.keyboard.press('ArrowDown')
    const below = Number(await focusedRow(page))
    const boxes = await cards(page).evaluateAll(all => all.map(card => card.getBoundingClientRect().toJSON()))
    expect(boxes[below].left).toBe(boxes[2].left)
    expect(boxes[below].top).toBeGreaterThan(boxes[2].top)
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle)
    expect(outline).toBe('solid')

    await page.keyboard.press('End')
    await page.keyboard.press('ArrowRight')
    expect(await focusedRow(page)).toBe(String(pageSize))
    await page.keyboard.press('ArrowLeft')
    expect(await focusedRow(page)).toBe(String(pageSize - 1))

    await page.keyboard.press('Enter')
    expect(await page.textContent('#detail-place')).toBe(`${pageSize} of 200`)
    expect(await page.textContent('#detail-content')).toContain(data.suspects.listed[pageSize - 1]!.id)
    expect(await page.locator('#detail-content tbody tr').count()).toBe(8)
    await page.keyboard.press('ArrowRight')
    expect(await page.textContent('#detail-content')).toContain(data.suspects.listed[pageSize]!.id)
    await page.keyboard.press('Escape')
    expect(await page.locator('dialog[open]').count()).toBe(0)
    // The suspect last seen has the focus, on its own page.
    expect(await focusedRow(page)).toBe(String(pageSize))
    // The whole gallery is one stop of the tab key.
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement!.id)).toBe('previous')
    expect(trouble).toEqual([])
  })

  it('comes from a cell of the confusion chart to its examples', async () => {
    const page = await open('plain')
    const [pair] = data.labels.confusion
    const link = page.locator(`[data-chart=confusion] details a`).first()
    await page.click('[data-chart=confusion] summary')
    await link.click()
    await expect.poll(() => status(page)).toContain(`of ${pair!.examples}`)
    expect(await page.inputValue('#filter-given')).toBe(String(pair!.given))
    expect(await page.inputValue('#filter-kind')).toBe('issue')
    expect(trouble).toEqual([])
  })

  it('takes no harm from an address that makes no sense', async () => {
    const page = await open('plain', {}, '#suspects/given=%3Cscript%3E&kind=nonsense&level=99&unknown=1')
    expect(await status(page)).toBe(`1–${pageSize} of 200`)
    expect(trouble).toEqual([])
  })

  it('keeps hostile names as text', async () => {
    const classNames = [
      '<script>alert("class")</script>',
      '</script><script>document.title = "taken"</script>',
      '"><img src="file:///etc/passwd" onerror="alert(1)">',
      "' autofocus onfocus='alert(1)",
      '<!--<script>',
      '\u202Egnorw\u202C',
      '__proto__',
      '&lt;b&gt; &amp;amp;',
    ]
    const hostile = await reportFixture({
      classNames,
      suspects: 60,
      pictures: 10,
      groups: ['<b>group</b>'],
      id: row => `${classNames[row % classNames.length]}/${row}.png`,
    })
    await write('hostile', { ...hostile, pipeline: '<img src=x onerror=alert(1)>' })
    const page = await open('hostile')
    expect(await page.title()).toBe('<img src=x onerror=alert(1)>: pieline report')
    const shown = await page.locator('#filter-given option').allTextContents()
    for (const name of classNames) expect(shown.some(text => text.startsWith(name))).toBe(true)
    for (let row = 0; row < 8; row++) {
      await page.click(`[data-row="${row}"]`)
      expect(await page.textContent('#detail-content code')).toBe(hostile.suspects.listed[row]!.id)
      await page.keyboard.press('Escape')
    }
    const counts = await page.evaluate(() => ({
      scripts: document.querySelectorAll('script').length,
      foreign: document.querySelectorAll('img:not(.picture), [onerror], [onfocus], iframe').length,
      bold: document.querySelectorAll('b').length,
    }))
    expect(counts).toEqual({ scripts: 2, foreign: 0, bold: 0 })
    expect(await page.title()).not.toBe('taken')
    expect(trouble).toEqual([])
  })

  it('shows the first page without JavaScript', async () => {
    const page = await open('plain', { javaScriptEnabled: false })
    expect(await page.locator('#gallery .card').count()).toBe(pageSize)
    expect(await page.isVisible('#filters')).toBe(false)
    expect(await page.isVisible('#needs-script')).toBe(true)
    expect(await page.isVisible('[data-chart=pie-rate] svg')).toBe(true)
  })

  it.each(['light', 'dark'] as const)('fits 360 pixels in the %s scheme', async colorScheme => {
    const page = await open('plain', { viewport: { width: 360, height: 740 }, colorScheme })
    const { width, ground } = await page.evaluate(() => ({
      width: document.documentElement.scrollWidth,
      ground: getComputedStyle(document.body).backgroundColor,
    }))
    expect(width).toBe(360)
    const brightness = Math.max(...ground.match(/\d+/g)!.map(Number))
    expect(brightness > 128).toBe(colorScheme === 'light')
    expect(trouble).toEqual([])
  })

  it('prints the findings and not the controls', async () => {
    const page = await open('plain', { colorScheme: 'dark' })
    await page.emulateMedia({ media: 'print' })
    expect(await page.isVisible('#filters')).toBe(false)
    expect(await page.isVisible('nav.contents')).toBe(false)
    expect(await page.isVisible('[data-chart=pie-rate] svg')).toBe(true)
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(
      'rgb(255, 255, 255)',
    )
  })

  it.each(['light', 'dark'] as const)('axe finds nothing serious in the %s scheme', async colorScheme => {
    const page = await open('plain', { colorScheme })
    expect(await seriousFindings(page)).toEqual([])
    await page.click('[data-row="0"]')
    expect(await seriousFindings(page)).toEqual([])
  })

  it('opens features in a table with their values', async () => {
    await write('features', await reportFixture({ suspects: 60, features: ['radius', 'texture'] }))
    const page = await open('features')
    expect(await page.locator('#gallery table tbody tr').count()).toBe(pageSize)
    await page.focus('[data-row="0"]')
    await page.keyboard.press('ArrowDown')
    expect(await focusedRow(page)).toBe('1')
    await page.keyboard.press('Enter')
    expect(await page.textContent('#detail-content table:last-child caption')).toBe('Features')
    expect(await page.locator('#detail-content img').count()).toBe(0)
    expect(trouble).toEqual([])
  })

  it('stays usable with a thousand classes and ten thousand suspects', async () => {
    const classNames = Array.from({ length: 1000 }, (_, i) => `class ${i}`)
    await write('large', await reportFixture({ classNames, suspects: 10_000, pictures: 100 }))
    expect((await stat(join(folder, 'large.html'))).size).toBeLessThan(4_000_000)
    const page = await open('large')
    expect(await status(page)).toBe(`1–${pageSize} of 10,000`)
    const nodes = () => page.evaluate(() => document.querySelectorAll('*').length)
    expect(await nodes()).toBeLessThan(10_000)
    await page.selectOption('#filter-order', 'given')
    await page.fill('#page', '400')
    await page.press('#page', 'Enter')
    expect(await cards(page).count()).toBe(pageSize)
    expect(await nodes()).toBeLessThan(10_000)
    expect(trouble).toEqual([])
  })
})
