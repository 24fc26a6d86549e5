import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseHTML } from 'linkedom'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { differencePage } from '../../src/report/difference-page.js'
import { previewPage } from '../../src/report/preview-page.js'
import { seriousFindings } from './axe.js'
import { findChromium, launchChromium } from './chromium.js'
import { differenceFixture, pixel } from './difference-fixture.js'

const difference = differenceFixture()
const pictures = new Map(difference.issues!.new.listed.slice(0, 5).map(({ id }) => [id, pixel]))
const page = differencePage(difference, pictures)
const preview = previewPage({
  pipeline: '<glyphs>',
  examples: 3000,
  members: 4,
  issues: 2,
  wrong: { count: 2, low: 1, high: 4 },
  suspects: [
    {
      id: 'a',
      split: 'train',
      given: 'cat',
      suggested: 'dog',
      quality: 0.1,
      probability: 0.8,
      picture: pixel,
    },
    { id: 'b', split: 'test', given: 'dog', suggested: 'cat', quality: 0.2, probability: 0.6 },
  ],
})

describe('the page of a difference', () => {
  it('has its sections, its pictures and no script', () => {
    const { document } = parseHTML(page)
    const titles = [...document.querySelectorAll('h2')].map(({ textContent }) => textContent)
    expect(titles).toEqual([
      'Examples',
      'Label issues',
      'PIEs',
      'Accuracy and label noise',
      'Class balance',
      'Picture statistics',
      'Settings',
    ])
    expect(document.querySelectorAll('.card img')).toHaveLength(5)
    expect(document.querySelectorAll('script, b')).toHaveLength(0)
    expect(document.querySelectorAll('svg[role=img][aria-label]')).toHaveLength(3)
    expect(document.querySelector('h1')!.textContent).toBe(
      '3,000 → 3,133 examples: 153 added, 20 removed, 39 relabeled, 1 of other content.',
    )
  })

  it('stays small with a thousand classes, and leaves out what there is not', () => {
    const { issues, pies, noise, images, audited, ...bare } = differenceFixture(1000)
    const large = differencePage({ ...bare, levels: [], settings: [] }, new Map())
    expect(large.length).toBeLessThan(200_000)
    const titles = [...parseHTML(large).document.querySelectorAll('h2')].map(({ textContent }) => textContent)
    expect(titles).toEqual(['Examples', 'Class balance', 'Settings'])
    expect(large).toContain('The same settings and versions.')
  })
})

const executable = findChromium()

describe.skipIf(executable === undefined)('pages without a script in a browser', () => {
  let browser: Browser
  let folder: string
  beforeAll(async () => {
    browser = await launchChromium(executable!)
    folder = await mkdtemp(join(tmpdir(), 'pieline-pages-'))
    await writeFile(join(folder, 'difference.html'), page)
    await writeFile(join(folder, 'preview.html'), preview)
  })
  afterAll(async () => {
    await browser?.close()
    await rm(folder, { recursive: true })
  })

  it.each([
    ['difference', 'light', 1200],
    ['preview', 'dark', 360],
  ] as const)(
    'axe finds nothing serious on the %s page in the %s scheme at %i pixels',
    async (name, colorScheme, width) => {
      const tab = await browser.newPage({ colorScheme, viewport: { width, height: 800 } })
      const trouble: string[] = []
      tab.on('console', message => trouble.push(message.text()))
      await tab.goto(pathToFileURL(join(folder, `${name}.html`)).href)
      await tab.evaluate(() => {
        for (const details of document.querySelectorAll('details')) details.open = true
      })
      expect(await tab.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
      expect(trouble).toEqual([])
      expect(await seriousFindings(tab)).toEqual([])
      await tab.close()
    },
  )
})
