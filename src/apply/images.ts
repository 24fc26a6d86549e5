/** Images in files of their own, which tables and annotations name. */
import { existsSync } from 'node:fs'
import type { Change } from './changes.js'
import type { PartSource, VersionFile } from './layout.js'

/** The images of a part; those that dropped examples alone name are dropped too. */
export async function* referencedImages(
  { reader, info, files }: PartSource,
  changes: readonly Change[],
): AsyncGenerator<VersionFile> {
  const { input, source } = info
  if (input.kind !== 'image') return
  const dropped = new Set(changes.filter(({ to }) => to === null).map(({ file, row }) => `${file}#${row}`))
  const images = new Map<string, boolean>()
  const content = { kind: 'image', column: source.content[0] } as const
  for await (const batch of reader.examples({ label: source.label, content, groups: [] })) {
    for (const { file, row, image } of batch) {
      if (image?.named === undefined) continue
      const stays = !dropped.has(`${file.name}#${row}`)
      images.set(image.named.file, (images.get(image.named.file) ?? false) || stays)
    }
  }
  for (const [from, stays] of images) {
    // Where an example of the original has no file, the new version has none either.
    if (existsSync(from)) yield { kind: stays ? 'same' : 'dropped', from }
  }
  for (const { companions = [] } of files)
    for (const { path } of companions) yield { kind: 'same', from: path }
}
