/**
 * `undo.jsonl`: what takes a new version back to the original, a line a file that differs. It knows of files, bytes and
 * rows alone, whatever the layout.
 */
import { isAbsolute } from 'node:path'
import { z } from 'zod'
import { DataError } from '../errors.js'
import type { Edit } from './edits.js'

/** A version from elsewhere must not write where it likes when it is taken back. */
const file = z
  .string()
  .refine(path => !isAbsolute(path) && !/(^|[/\\])\.\.([/\\]|$)/.test(path), 'leads out of the folder')
  .describe('path in the data folder of either version')
const value = z.union([z.string(), z.number(), z.boolean(), z.null()])

const lineSchema = z.union([
  z.strictObject({ moved: file.describe('as the new version has it'), was: file }),
  z.strictObject({ dropped: file.describe('in the original; it lies in the folder `dropped`') }),
  z.strictObject({
    edited: file,
    edits: z
      .array(z.tuple([z.number(), z.number(), z.base64()]))
      .describe('offset in the new version, bytes that go, bytes that come'),
  }),
  z.strictObject({
    table: file,
    format: z.enum(['parquet', 'arrow']),
    label: z.string().describe('the column of labels'),
    relabeled: z.array(z.tuple([z.number(), value])).describe('row of the original, its label there'),
    dropped: z
      .array(z.number())
      .describe('rows of the original, which lie in a table in the folder `dropped`'),
  }),
])

export type UndoLine = z.output<typeof lineSchema>
export type TableUndo = Extract<UndoLine, { readonly table: string }>

export const formatUndo = (line: UndoLine): string => `${JSON.stringify(line)}\n`

export const undoOfEdits = (edited: string, edits: readonly Edit[]): UndoLine => ({
  edited,
  edits: edits.map(({ offset, length, bytes }) => [offset, length, Buffer.from(bytes).toString('base64')]),
})

export const editsOfUndo = (edits: readonly [number, number, string][]): Edit[] =>
  edits.map(([offset, length, bytes]) => ({ offset, length, bytes: Buffer.from(bytes, 'base64') }))

/** @throws DataError that names the line */
export function parseUndo(text: string, path: string): UndoLine[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map((line, row) => {
      try {
        return lineSchema.parse(JSON.parse(line))
      } catch (cause) {
        throw new DataError('the line is damaged', {
          file: path,
          row,
          mend: 'Copy the version again, with all its files.',
          cause,
        })
      }
    })
}
