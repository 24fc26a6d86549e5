/**
 * Parquet, as Hugging Face `datasets`, pandas, Polars, Spark or DuckDB write it. Files are decoded in a thread of
 * their own: a damaged page ends that thread, not the run.
 */
import { decodeMessages } from '../tables/parquet.js'
import { columnarReader } from './columnar.js'
import { describeInThread, readInThread } from './parquet-thread.js'
import type { Reader, SourceFile } from './source.js'

export const parquetReader = (files: readonly SourceFile[]): Reader =>
  columnarReader(
    {
      name: 'parquet',
      describe: describeInThread,
      read: (path, columns) => decodeMessages(readInThread(path, columns)),
    },
    files,
  )
