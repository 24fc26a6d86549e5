/** Arrow IPC, file format (also known as Feather version 2) and stream format. */
import { openFile } from '../pipeline/files.js'
import { describeArrow, readArrow } from '../tables/arrow.js'
import { columnarReader } from './columnar.js'
import type { Reader, SourceFile } from './source.js'

export const arrowReader = (files: readonly SourceFile[]): Reader =>
  columnarReader(
    {
      name: 'arrow',
      describe: async path => describeArrow(await openFile(path)),
      async *read(path, columns) {
        yield* readArrow(await openFile(path), columns === undefined ? {} : { columns })
      },
    },
    files,
  )
