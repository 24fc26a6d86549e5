import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { pipelineDocument } from '../../src/pipeline/document.js'

test('docs/pipeline.md is what the schema says', async () => {
  const page = await readFile(new URL('../../docs/pipeline.md', import.meta.url), 'utf8')
  expect(page, 'npm run docs writes it anew').toBe(pipelineDocument())
})

test('every key is described', () => {
  const bare = pipelineDocument()
    .split('\n')
    .filter(line => line.startsWith('| `') && line.endsWith('|  |'))
  expect(bare).toEqual([])
})
