/**
 * Pictures of a report and of a review:
 * `npx tsx docs/make-screenshots.ts runs/glyphs/latest/report.html docs` writes report-light.png, -dark and -narrow,
 * and with the address that `pieline review --no-open` prints, review-light.png, -dark, -narrow and -grid.
 * Needs Chromium; `PIELINE_CHROMIUM` names it where it is not /usr/bin/chromium.
 */
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

export interface Shot {
  /** The report as it is on disk, or the address of a review. */
  readonly page: string
  /** The PNG to write. */
  readonly picture: string
  readonly scheme: 'light' | 'dark'
  /** Width and height of the window in pixels; the picture is as large. */
  readonly width: number
  readonly height: number
  /** Keys to press first. */
  readonly keys?: readonly string[]
}

/** Takes each picture from the top of its page, once everything in it is loaded. */
export async function takeShots(shots: readonly Shot[]): Promise<void> {
  const browser = await chromium.launch({
    executablePath: process.env.PIELINE_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  })
  try {
    for (const { page: shown, picture, scheme, width, height, keys = [] } of shots) {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme })
      await page.goto(isAddress(shown) ? shown : pathToFileURL(resolve(shown)).href)
      await page.waitForLoadState('networkidle')
      for (const key of keys) await page.keyboard.press(key)
      await page.waitForFunction(() =>
        [...document.images].every(
          image => image.complete || image.getBoundingClientRect().top > window.innerHeight,
        ),
      )
      await page.screenshot({ path: picture })
      await page.close()
    }
  } finally {
    await browser.close()
  }
}

const isAddress = (page: string): boolean => page.startsWith('http://')

if (process.argv[1] === import.meta.filename) {
  const [page, folder] = process.argv.slice(2)
  if (page === undefined || folder === undefined) {
    throw new Error('usage: npx tsx docs/make-screenshots.ts <report.html or address of a review> <folder>')
  }
  // A report begins with words; its pictures come below.
  const wide = { page, width: 1200, height: isAddress(page) ? 1000 : 1560 }
  const name = isAddress(page) ? 'review' : 'report'
  const picture = (kind: string) => join(folder, `${name}-${kind}.png`)
  await takeShots([
    { ...wide, picture: picture('light'), scheme: 'light' },
    { ...wide, picture: picture('dark'), scheme: 'dark' },
    { page, picture: picture('narrow'), scheme: 'light', width: 390, height: 844 },
    ...(isAddress(page)
      ? [{ ...wide, picture: picture('grid'), scheme: 'light' as const, keys: ['g', 'x'] }]
      : []),
  ])
}
