/** Tells files of annotations from other JSON. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { metadataName } from './image-folder-metadata.js'
import type { Format } from './source.js'

const sniffedBytes = 1 << 16

/** The format of a file of annotations, by its name or how it begins; undefined if it is none. */
export async function annotationFormat(path: string): Promise<Format | undefined> {
  if (path.endsWith(metadataName)) return 'imagefolder'
  if (!/\.json$/i.test(path)) return undefined
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(sniffedBytes), 0, sniffedBytes, 0)
    const text = buffer.toString('utf8', 0, bytesRead).replace(/^\uFEFF/, '')
    if (/^\s*\[\s*\{/.test(text) && /"(annotations|data)"\s*:/.test(text)) return 'label-studio'
    if (/^\s*\{/.test(text) && /"(images|annotations|categories)"\s*:\s*\[/.test(text)) return 'coco'
    return undefined
  } finally {
    await file.close()
  }
}

/** Those of the names in a folder that are files of annotations: `metadata.jsonl`, else COCO's and Label Studio's. */
export async function annotationFiles(folder: string, names: readonly string[]): Promise<string[]> {
  if (names.includes(metadataName)) return [metadataName]
  const formats = await Promise.all(
    names.map(name => (/\.json$/i.test(name) ? annotationFormat(join(folder, name)) : undefined)),
  )
  return names.filter((_, index) => formats[index] !== undefined)
}
