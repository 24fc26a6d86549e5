/** Layouts that are told by the names of their files, which are the same wherever the data set is. */
import type { Format, Part } from './source.js'

export interface Layout {
  readonly format: Format
  /**
   * Labels lie in a file of their own, one for each file of inputs. A folder holds one such pair for each part: more
   * are other data sets.
   */
  readonly isPaired?: true
  /** Whether a file of this name holds examples in this layout. */
  matches(name: string): boolean
  /** The files of a part among those in a folder, in order; none where the folder is not of this layout. */
  inputs(names: readonly string[], part: Part): string[]
  /** What a file of examples is read with, out of the names beside it: its labels, the names of its classes. */
  companions(input: string, names: readonly string[]): string[]
}
