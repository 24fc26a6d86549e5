import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from './commands.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-api-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function pagesIn(path: string): Promise<Map<string, string>> {
  const names = (await readdir(path, { recursive: true })).filter(name => name.endsWith('.md')).sort()
  return new Map(
    await Promise.all(names.map(async name => [name, await readFile(join(path, name), 'utf8')] as const)),
  )
}

test('docs/api is what the library says, and says something of every function and type', async () => {
  // What is undocumented, or named and not exported, is an error: typedoc.json says so.
  const typedoc = join(dirname(createRequire(import.meta.url).resolve('typedoc/package.json')), 'bin/typedoc')
  const { stdout } = await promisify(execFile)(process.execPath, [typedoc, '--out', folder], {
    cwd: root,
  }).catch(error => error)
  expect(stdout).not.toMatch(/warning|error/i)
  const [written, kept] = await Promise.all([pagesIn(folder), pagesIn(join(root, 'docs/api'))])
  const differ = [...new Set([...written.keys(), ...kept.keys()])].filter(
    name => written.get(name) !== kept.get(name),
  )
  expect(differ, '"npm run docs" writes them anew').toEqual([])
}, 300_000)

test('every verb of the library says what it takes, gives and throws', async () => {
  const pages = await pagesIn(join(root, 'docs/api/functions'))
  const verbs = [
    'run',
    'score',
    'review',
    'apply',
    'revert',
    'exportRun',
    'diff',
    'check',
    'compare',
    'readTable',
  ]
  for (const verb of verbs) {
    const page = pages.get(`${verb}.md`)!
    expect(page, verb).toMatch(/^## (Throws|Call Signature)/m)
    expect(page, verb).toMatch(/^##+ Parameters/m)
  }
})
