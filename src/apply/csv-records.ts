/** Where the records and fields of a CSV file lie, to the byte; quoting as RFC 4180 has it. */

export interface CsvRecord {
  /** Offset in the file of the first byte of {@link bytes}. */
  readonly start: number
  /** The record with the line break at its end. */
  readonly bytes: Buffer
  /** Beginning and end of each field within {@link bytes}, quotes included. */
  readonly fields: readonly (readonly [start: number, end: number])[]
}

const [quote, lineFeed, carriageReturn] = [0x22, 0x0a, 0x0d]
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * The records in order, that of the header included; empty lines are passed over.
 * @param delimiter one ASCII character
 */
export async function* csvRecords(
  chunks: AsyncIterable<Uint8Array>,
  delimiter: string,
): AsyncGenerator<CsvRecord> {
  const comma = delimiter.charCodeAt(0)
  let buffer = Buffer.alloc(0)
  let start = 0
  let at = 0
  let fieldStart = 0
  let isQuoted = false
  let fields: [number, number][] = []
  let lineBreak: 'lf' | 'cr' | 'crlf' | undefined
  let isFirst = true

  function* scan(isLast: boolean): Generator<CsvRecord> {
    if (isFirst && buffer.length < byteOrderMark.length && !isLast) return
    if (isFirst && buffer.subarray(0, byteOrderMark.length).equals(byteOrderMark)) {
      buffer = buffer.subarray(byteOrderMark.length)
      start = byteOrderMark.length
    }
    isFirst = false
    for (; at < buffer.length; at++) {
      const byte = buffer[at]
      // A doubled quote closes and opens again.
      if (byte === quote && (isQuoted || at === fieldStart || buffer[at - 1] === quote)) isQuoted = !isQuoted
      else if (isQuoted) continue
      else if (byte === comma) {
        fields.push([fieldStart, at])
        fieldStart = at + 1
      } else if (byte === lineFeed || byte === carriageReturn) {
        if (byte === carriageReturn && at + 1 === buffer.length && !isLast) return
        const isPair = byte === carriageReturn && buffer[at + 1] === lineFeed
        lineBreak ??= byte === lineFeed ? 'lf' : isPair ? 'crlf' : 'cr'
        const ends =
          lineBreak === 'lf' ? byte === lineFeed : byte === carriageReturn && (lineBreak === 'cr' || isPair)
        if (ends) yield* record(at, at + (lineBreak === 'crlf' ? 2 : 1))
      }
    }
    if (isLast && at > 0) yield* record(buffer.length, buffer.length)
  }

  function* record(end: number, next: number): Generator<CsvRecord> {
    fields.push([fieldStart, end])
    if (end > 0) yield { start, bytes: buffer.subarray(0, next), fields }
    start += next
    buffer = buffer.subarray(next)
    fields = []
    fieldStart = 0
    at = -1
  }

  for await (const chunk of chunks) {
    buffer = buffer.length === 0 ? Buffer.from(chunk) : Buffer.concat([buffer, chunk])
    yield* scan(false)
  }
  yield* scan(true)
}

/** The text of a field. */
export function fieldText({ bytes, fields }: CsvRecord, index: number): string {
  const text = bytes.toString('utf8', ...fields[index])
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text
}

/** Text as a field: quoted where it must be, or where the field in whose place it comes was. */
export function fieldOf(text: string, delimiter: string, wasQuoted = false): string {
  const isQuoted = wasQuoted || text.includes(delimiter) || /["\r\n]/.test(text)
  return isQuoted ? `"${text.replaceAll('"', '""')}"` : text
}
