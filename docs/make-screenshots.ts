/**
 * Pictures of a report for the README:
 * `npx tsx docs/make-screenshots.ts runs/glyphs/latest/report.html docs` writes report-light.png and report-dark.png.
 * Needs Chromium; `PIELINE_CHROMIUM` names it where it is not /usr/bin/chromium.
 */
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

export interface Shot {
  /** The report as it is on disk. */
  readonly report: string
  /** The PNG to write. */
  readonly picture: string
  readonly scheme: 'light' | 'dark'
  /** Width and height of the window in pixels; the picture is as large. */
  readonly width: number
  readonly height: number
}

/** Takes each picture from the top of its report. */
export async function takeShots(shots: readonly Shot[]): Promise<void> {
  const browser = await chromium.launch({
    executablePath: process.env.PIELINE_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  })
  try {
    for (const { report, picture, scheme, width, height } of shots) {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme })
      await page.goto(pathToFileURL(resolve(report)).href)
      await page.screenshot({ path: picture })
      await page.close()
    }
  } finally {
    await browser.close()
  }
}

if (process.argv[1] === import.meta.filename) {
  const [report, folder] = process.argv.slice(2)
  if (report === undefined || folder === undefined) {
    throw new Error('usage: npx tsx docs/make-screenshots.ts <report.html> <folder>')
  }
  const size = { width: 1200, height: 1000 }
  await takeShots(
    (['light', 'dark'] as const).map(scheme => ({
      report,
      picture: join(folder, `report-${scheme}.png`),
      scheme,
      ...size,
    })),
  )
}
