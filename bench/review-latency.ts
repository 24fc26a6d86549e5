/**
 * From the key that decides to the next picture on the screen, in a queue of 50,000 suspects:
 * `npx tsx bench/review-latency.ts [suspects]` prints the percentiles of 200 decisions as a Markdown table, and the load
 * of the machine meanwhile. Pictures are those of data/cifar10n where they are there, else glyphs. Needs Chromium.
 *
 * `next` is what the page measures itself: the key's event to the end of the frame that has the decoded picture. `paint` is the
 * browser's own account of the same key (Event Timing API: input to presented frame, in steps of 8 ms).
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Page } from 'playwright-core'
import { openTable } from '../src/pipeline/files.js'
import { percentile } from '../src/scoring/percentile.js'
import { imageColumn } from '../src/tables/columns.js'
import { start } from '../test/commands/cli.js'
import { findChromium, launchChromium } from '../test/report/chromium.js'
import { writeRun } from '../test/review/run-fixture.js'

const suspects = Number(process.argv[2] ?? 50_000)
const decisions = 200
/** Between a picture and the decision about it, in milliseconds: a person who hardly looks. */
const pauses = [500, 150]

const photographs = join(import.meta.dirname, '../data/cifar10n/train.parquet')

async function readPictures(): Promise<Uint8Array[]> {
  const pictures: Uint8Array[] = []
  if (!existsSync(photographs)) return pictures
  for await (const batch of openTable(photographs, { columns: ['image'] })) {
    pictures.push(...imageColumn(batch, 'image').map(image => Uint8Array.from(image!.bytes!)))
  }
  return pictures
}

async function serve(folder: string) {
  const { child } = start(folder, 'review', 'glyphs', '--out', folder, '--no-open', '--json')
  for await (const line of createInterface(child.stdout)) {
    return { child, address: (JSON.parse(line) as { address: string }).address }
  }
  throw new Error('the server did not start')
}

/** Decides again and again. @returns milliseconds of each decision, by what was measured */
async function decide(page: Page, pause: number): Promise<Record<'next' | 'paint', number[]>> {
  await page.evaluate(() => {
    performance.clearMeasures()
    const paints: number[] = []
    Object.assign(globalThis, { paints })
    new PerformanceObserver(list => {
      for (const entry of list.getEntries()) if (entry.name === 'keydown') paints.push(entry.duration)
    }).observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit)
  })
  for (let decision = 0; decision < decisions; decision++) {
    await page.waitForTimeout(pause)
    await page.keyboard.press(decision % 3 === 0 ? 'k' : 's')
  }
  await page.waitForTimeout(1000)
  return page.evaluate(() => ({
    next: performance.getEntriesByName('next').map(({ duration }) => duration),
    paint: (globalThis as unknown as { paints: number[] }).paints,
  }))
}

const folder = await mkdtemp(join(tmpdir(), 'pieline-latency-'))
try {
  const pictures = await readPictures()
  await writeRun(folder, {
    suspects,
    ...(pictures.length > 0 && { image: row => pictures[row % pictures.length] }),
  })
  const { child, address } = await serve(folder)
  const browser = await launchChromium(findChromium()!)
  try {
    const page = await (await browser.newContext({ viewport: { width: 1200, height: 900 } })).newPage()
    await page.goto(address)
    await page.waitForSelector('#suspect .verdict')
    console.log(
      `${suspects} suspects, ${pictures.length > 0 ? 'photographs' : 'glyphs'}, ${cpus().length} cores\n`,
    )
    console.log('| pause ms | measured | decisions | p50 ms | p95 ms | max ms | load |')
    console.log('| --- | --- | --- | --- | --- | --- | --- |')
    for (const pause of pauses) {
      for (const [name, times] of Object.entries(await decide(page, pause))) {
        const sorted = Float64Array.from(times).sort()
        const [p50, p95, max] = [0.5, 0.95, 1].map(share => percentile(sorted, share).toFixed(1))
        console.log(
          `| ${pause} | ${name} | ${times.length} | ${p50} | ${p95} | ${max} | ${loadavg()[0].toFixed(1)} |`,
        )
      }
    }
  } finally {
    await browser.close()
    child.kill()
  }
} finally {
  await rm(folder, { recursive: true })
}
