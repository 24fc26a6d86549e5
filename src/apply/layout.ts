/**
 * How a layout takes other labels. A layout is one function that says which files the new version has; it writes
 * nothing, `version.ts` does.
 */
import type { RecordBatch, Schema } from 'apache-arrow'
import type { DatasetInfo } from '../dataset/info.js'
import type { Format, Part, Reader, SourceFile } from '../dataset/source.js'
import { DataError } from '../errors.js'
import type { DatasetConfig } from '../pipeline/config.js'
import type { Change } from './changes.js'
import type { Edit } from './edits.js'

/** A part of the data set as it is. */
export interface PartSource {
  readonly part: Part
  readonly format: Format
  readonly config: DatasetConfig
  readonly info: DatasetInfo
  readonly files: readonly SourceFile[]
  readonly reader: Reader
}

/** A file of the original, by its absolute path, and what becomes of it. */
export type VersionFile =
  | { readonly kind: 'same'; readonly from: string }
  /** `to` is an absolute path as it would be in the original. */
  | { readonly kind: 'moved'; readonly from: string; readonly to: string }
  | { readonly kind: 'dropped'; readonly from: string }
  | { readonly kind: 'edited'; readonly from: string; readonly edits: readonly Edit[] }
  | { readonly kind: 'table'; readonly from: string; readonly table: TableRewrite }

export interface TableRewrite {
  readonly format: 'parquet' | 'arrow'
  readonly schema: Schema
  /** Name of the column of labels. */
  readonly label: string
  /** The rows of the original in order. */
  rows(): AsyncIterable<RecordBatch>
  /** Rows with other labels: class index of each, or −1 where the label stays. */
  relabel(batch: RecordBatch, labels: Int32Array): RecordBatch
  /** New class index by row, null where the row goes. */
  readonly changes: ReadonlyMap<number, number | null>
}

/** The files of the new version of a part. @throws ConfigError if the layout cannot hold the changes */
export type Layout = (source: PartSource, changes: readonly Change[]) => AsyncIterable<VersionFile>

/** Changes by the file that they are in. */
export function changesByFile(changes: readonly Change[]): ReadonlyMap<string, readonly Change[]> {
  const byFile = new Map<string, Change[]>()
  for (const change of changes) {
    const own = byFile.get(change.file)
    if (own === undefined) byFile.set(change.file, [change])
    else own.push(change)
  }
  return byFile
}

/** @throws DataError where the file does not say what the run read in it */
export function checkLabel(holds: boolean, file: string, { row }: Change, key: string): void {
  if (holds) return
  throw new DataError('the label is not the one that the run read here', {
    file,
    row,
    key,
    mend: 'The data changed since: run the pipeline again.',
  })
}
