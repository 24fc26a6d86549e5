/** The examples of a run with what it says of them, in the order of its tables. */
import { join } from 'node:path'
import { openTable } from '../pipeline/files.js'
import {
  booleanColumn,
  float32Column,
  type ImageValue,
  imageColumn,
  int32Column,
  stringColumn,
} from '../tables/columns.js'
import { RowReader } from '../tables/row-reader.js'

export interface RunExample {
  readonly exampleId: string
  readonly split: 'train' | 'test'
  /** Class index. */
  readonly label: number
  readonly isIssue: boolean
  /** 0 to 1. */
  readonly quality: number
  /** Class index. */
  readonly suggested: number
  /** Null without `withImages`, and where the source has none. */
  readonly image: ImageValue | null
}

const scoreColumns = ['is_label_issue', 'label_quality', 'suggested_label']

/** Some rows at a time. */
export async function* runExamples(folder: string, withImages: boolean): AsyncGenerator<RunExample[]> {
  const columns = ['example_id', 'split', 'label', ...(withImages ? ['image'] : [])]
  const scores = new RowReader(openTable(join(folder, 'scores.parquet'), { columns: scoreColumns }))
  try {
    for await (const batch of openTable(join(folder, 'examples.parquet'), { columns })) {
      const ids = stringColumn(batch, 'example_id')
      const splits = stringColumn(batch, 'split')
      const labels = int32Column(batch, 'label')
      const images = withImages ? imageColumn(batch, 'image') : []
      let row = 0
      const rows: RunExample[] = []
      for (const slice of await scores.take(batch.numRows)) {
        const issue = booleanColumn(slice, 'is_label_issue')
        const quality = float32Column(slice, 'label_quality')
        const suggested = int32Column(slice, 'suggested_label')
        for (let at = 0; at < slice.numRows; at++, row++) {
          rows.push({
            exampleId: ids[row],
            split: splits[row] as 'train' | 'test',
            label: labels[row],
            isIssue: issue[at] === 1,
            quality: quality[at],
            suggested: suggested[at],
            image: images[row] ?? null,
          })
        }
      }
      yield rows
    }
  } finally {
    await scores.close()
  }
}

const magics: readonly (readonly [ending: string, magic: RegExp])[] = [
  ['png', /^\x89PNG/],
  ['jpg', /^\xff\xd8\xff/],
  ['gif', /^GIF8/],
  ['webp', /^RIFF.{4}WEBP/s],
  ['bmp', /^BM/],
  ['tiff', /^(II\*\0|MM\0\*)/],
  ['avif', /^.{4}ftypavi/s],
]

/** The ending of an image file, by how its bytes begin. */
export function imageEnding(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 16)).toString('latin1')
  return magics.find(([, magic]) => magic.test(start))?.[0] ?? 'bin'
}
