/** Images in class folders, `train/<class>/` and `test/<class>/`, as torchvision's `ImageFolder` reads them. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatasetInfo } from '../dataset/info.js'
import { imageEnding, type RunExample, runExamples } from './run-examples.js'

/** Which training examples there are: all, those without label issue, or all with suggested labels for issues. */
export const imageFolderSplits = ['all', 'cleaned', 'relabeled'] as const
/** All training examples, those without label issues, or all with suggested labels. */
export type ImageFolderSplit = (typeof imageFolderSplits)[number]

/** @returns the number of images */
export async function exportImageFolder(
  run: string,
  { classNames }: DatasetInfo,
  folder: string,
  split: ImageFolderSplit,
): Promise<number> {
  const names = folderNames(classNames)
  const made = new Set<string>()
  let written = 0
  let row = -1
  for await (const rows of runExamples(run, true)) {
    for (const example of rows) {
      row++
      const label = labelIn(example, split)
      const bytes = example.image?.bytes
      if (label === undefined || bytes == null) continue
      const place = join(folder, example.split, names[label])
      if (!made.has(place)) await mkdir(place, { recursive: true })
      made.add(place)
      await writeFile(join(place, `${String(row).padStart(7, '0')}.${imageEnding(bytes)}`), bytes)
      written++
    }
  }
  return written
}

/** The class of an example; undefined where it is left out. Test data stay as they are. */
function labelIn(example: RunExample, split: ImageFolderSplit): number | undefined {
  if (example.split === 'test' || split === 'all' || !example.isIssue) return example.label
  return split === 'relabeled' ? example.suggested : undefined
}

/** A folder for each class, whose names sort as they do: no separators, no dots before them, none twice. */
export function folderNames(classNames: readonly string[]): string[] {
  const taken = new Set<string>()
  return classNames.map(name => {
    const plain = name.replace(/[\\/:*?"<>|\p{Cc}]/gu, '_').replace(/^\.+|^$/, '_')
    let free = plain
    for (let copy = 2; taken.has(free.toLowerCase()); copy++) free = `${plain}-${copy}`
    taken.add(free.toLowerCase())
    return free
  })
}
