/** The program of docs/library.md compiles and runs. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeLetters } from '../../docs/make-letters.js'
import { blocksOf, root } from './commands.js'

const execute = promisify(execFile)
const require = createRequire(import.meta.url)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-library-'))
  await writeLetters(join(folder, 'letters'), 'train', 12, 3)
  for (const name of ['logistic.npy', 'labels.csv']) {
    await cp(join(root, 'test/predictions/fixtures', name), join(folder, name))
  }
  const blocks = blocksOf('docs/library.md').filter(({ language }) => language === 'ts')
  expect(blocks.length).toBeGreaterThan(4)
  await writeFile(join(folder, 'program.mts'), blocks.map(({ text }) => text).join('\n\n'))
  const paths = { pieline: [join(root, 'src/index.ts')] }
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { paths, noEmit: true, typeRoots: [join(root, 'node_modules/@types')] },
      include: ['program.mts'],
    }),
  )
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('its types are right', async () => {
  const tsc = require.resolve('typescript/bin/tsc')
  const { stdout } = await execute(process.execPath, [tsc, '-p', folder]).catch(error => error)
  expect(stdout).toBe('')
}, 3_600_000)

test('it runs to its end, and says what the page says that it does', async () => {
  const loader = pathToFileURL(require.resolve('tsx')).href
  const { stdout } = await execute(process.execPath, ['--import', loader, 'program.mts'], { cwd: folder })
  expect(stdout).toMatch(/^train \{/m)
  expect(stdout).toMatch(/letters\/\d{8}T\d{6}\.\d{3}Z done$/m)
  expect(stdout).toMatch(/^\d+ label issues; \d+ labels estimated to be wrong$/m)
  expect(stdout).toMatch(/^letters\/[ABC]\/\d+\.png [ABC] → [ABC] 0\.\d{3}$/m)
  expect(stdout).toMatch(/^\d+ labels changed in letters-2\/data\/letters$/m)
  expect(stdout).toMatch(/^\d+ label issues are gone, \d+ are new$/m)
  expect(stdout).toMatch(/^(true|false) \[$/m)
  expect(stdout).toMatch(/^at the (size|accuracy) of \S+: \S+ 0\.\d+/m)
  expect(stdout).toMatch(/^ConfigError /m)
}, 3_600_000)
