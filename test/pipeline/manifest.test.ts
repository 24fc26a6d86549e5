import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { manifestJsonSchema, readManifest } from '../../src/pipeline/manifest.js'

test('docs/manifest.schema.json is what the code writes (vitest -u writes it anew)', async () => {
  const text = `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`
  await expect(text).toMatchFileSnapshot('../../docs/manifest.schema.json')
})

test('a manifest that cannot be read is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pieline-manifest-'))
  try {
    await expect(readManifest(folder)).rejects.toThrow('there is no such manifest')
    await writeFile(join(folder, 'manifest.json'), '{"format": 1')
    await expect(readManifest(folder)).rejects.toThrow('cannot be read')
    await writeFile(join(folder, 'manifest.json'), '{"format": 2}')
    await expect(readManifest(folder)).rejects.toMatchObject({
      file: join(folder, 'manifest.json'),
      key: 'format',
      message: expect.stringContaining('is not a manifest that this version understands'),
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})
