/** Images in class folders: an image whose label changes moves to the folder of its new class. */
import { dirname, join } from 'node:path'
import { ConfigError } from '../errors.js'
import type { Layout } from './layout.js'

export const rewriteFolder: Layout = async function* ({ files, reader, info }, changes) {
  const [root] = files
  const images: { readonly file: string; readonly within: string }[] = []
  const folderOf = new Map<string, string>()
  const classOf = new Map<string, string>()
  for await (const batch of reader.examples({
    label: 'label',
    content: { kind: 'image', column: 'image' },
    groups: [],
  })) {
    for (const { file, label } of batch) {
      const within = file.name.slice(root.name.length + 1)
      const folder = within.slice(0, Math.max(0, within.indexOf('/')))
      images.push({ file: file.path, within })
      folderOf.set(String(label), folder)
      if ((classOf.get(folder) ?? label) !== label && changes.some(({ to }) => to !== null)) {
        throw new ConfigError('the labels of these images are not their folders', {
          file: join(root.path, folder),
          mend: 'Take the split `relabeled` of the run, or sort the images into a folder for each class.',
        })
      }
      classOf.set(folder, String(label))
    }
  }
  const targets = new Map(changes.map(({ file, to }) => [file.slice(root.name.length + 1), to]))
  const taken = new Set(images.map(({ within }) => within))
  for (const { file, within } of images) {
    const target = targets.get(within)
    if (target === undefined) yield { kind: 'same', from: file }
    else if (target === null) yield { kind: 'dropped', from: file }
    else {
      const [folder, ...rest] = within.split('/')
      const moved = freeName(`${folderOf.get(info.classNames[target])}/${rest.join('/')}`, folder, taken)
      taken.add(moved)
      yield { kind: 'moved', from: file, to: join(root.path, moved) }
    }
  }
  for (const { path } of root.companions ?? []) yield { kind: 'same', from: path }
}

/** The path, or one that says which class it was of where another image has that path already. */
function freeName(path: string, oldClass: string, taken: ReadonlySet<string>): string {
  const base = path.slice(dirname(path).length + 1)
  const dot = base.lastIndexOf('.')
  for (let copy = 0; ; copy++) {
    const suffix = copy === 0 ? '' : copy === 1 ? `.from-${oldClass}` : `.from-${oldClass}-${copy}`
    const name = `${dirname(path)}/${base.slice(0, dot)}${suffix}${base.slice(dot)}`
    if (!taken.has(name)) return name
  }
}
