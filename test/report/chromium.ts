/** The browser of the tests: Chromium as the machine has it. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = [
  process.env.PIELINE_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** Where Chromium is, or undefined. @throws Error if there is none and PIELINE_REQUIRE_BROWSER=1 asks for it */
export function findChromium(): string | undefined {
  const found = places.find(path => path !== undefined && existsSync(path))
  if (found === undefined) {
    const message = `no Chromium at ${places.filter(path => path).join(', ')}; PIELINE_CHROMIUM can name one`
    if (process.env.PIELINE_REQUIRE_BROWSER === '1') throw new Error(message)
    console.warn(`browser tests are skipped: ${message}`)
  }
  return found
}

export function launchChromium(executablePath: string): Promise<Browser> {
  const quiet = [
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ]
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...quiet] })
}
