/** What stands between the fields of a CSV file. */
import { DataError } from '../errors.js'
import { readChunks } from './file-bytes.js'

/** Spreadsheets of countries that write decimal commas put semicolons between the fields. */
export type Delimiter = ',' | ';' | '\t' | '|'

/** A comma before all others: columns are rarely named with commas, and a header of commas may name anything. */
const delimiters: readonly Delimiter[] = [',', ';', '\t', '|']

/**
 * The delimiter that the header of a file shows; a tab where the name ends in `.tsv`, and a comma where there is a
 * single column.
 * @throws DataError if the file cannot be read, or is UTF-16
 */
export async function delimiterOf(path: string): Promise<Delimiter> {
  const header = await beginningOf(path)
  if (path.toLowerCase().endsWith('.tsv')) return '\t'
  const line = header
    .toString('latin1')
    .replace(/"[^"]*"/g, '')
    .split(/[\r\n]/, 1)[0]!
  return delimiters.find(mark => line.includes(mark)) ?? ','
}

async function beginningOf(path: string): Promise<Buffer> {
  for await (const chunk of readChunks(path)) {
    const [first, second] = chunk
    if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
      throw new DataError('the file is UTF-16', { file: path, mend: saveAsUtf8 })
    }
    return Buffer.from(chunk)
  }
  return Buffer.alloc(0)
}

export const saveAsUtf8 = 'Save it as UTF-8; spreadsheets call that “CSV UTF-8”.'
