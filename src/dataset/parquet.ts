/** Parquet, as Hugging Face `datasets`, pandas, Polars, Spark or DuckDB write it. */
import { describeParquet, readParquet } from '../tables/parquet.js'
import { columnarReader } from './columnar.js'
import type { Reader, SourceFile } from './source.js'

export const parquetReader = (files: readonly SourceFile[]): Reader =>
  columnarReader({ name: 'parquet', describe: describeParquet, read: readParquet }, files)
