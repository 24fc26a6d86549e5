import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { tablesDocument } from '../../src/tables/document.js'

test('docs/tables.md is what the schemas say', async () => {
  const page = await readFile(new URL('../../docs/tables.md', import.meta.url), 'utf8')
  expect(page, 'tsx src/tables/document.ts > docs/tables.md writes it anew').toBe(tablesDocument())
})

test('every column of every table is described', () => {
  expect(tablesDocument()).not.toMatch(/\| undefined +\|/)
})
