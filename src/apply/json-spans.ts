/** Where the values of a JSON text lie, to the byte. The text is known to be JSON. */

export interface JsonMember {
  /** Key in an object; undefined in an array. */
  readonly key: string | undefined
  /** Where the member begins: its key, or the value of an array. */
  readonly start: number
  /** Where its value begins. */
  readonly value: number
  /** Where its value ends. */
  readonly end: number
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [openObject, closeObject, openArray, closeArray] = [0x7b, 0x7d, 0x5b, 0x5d]

/** The members of the object or array that begins at an offset. */
export function members(json: Buffer, offset: number): JsonMember[] {
  const isArray = json[offset] === openArray
  const found: JsonMember[] = []
  for (let at = skipSpace(json, offset + 1); json[at] !== closeObject && json[at] !== closeArray; ) {
    const start = at
    let key: string | undefined
    if (!isArray) {
      const keyEnd = endOfString(json, at)
      key = JSON.parse(json.toString('utf8', at, keyEnd)) as string
      at = skipSpace(json, keyEnd)
      if (json[at] !== colon) throw new RangeError(`no colon at byte ${at}`)
      at = skipSpace(json, at + 1)
    }
    const value = at
    const end = endOfValue(json, value)
    found.push({ key, start, value, end })
    at = skipSpace(json, end)
    if (json[at] === comma) at = skipSpace(json, at + 1)
    if (at >= json.length) throw new RangeError('the JSON is cut off')
  }
  return found
}

/** The member of this key in the object that begins at an offset; the last of several, as parsers take it. */
export const member = (json: Buffer, offset: number, key: string): JsonMember | undefined =>
  members(json, offset).findLast(found => found.key === key)

/** Where the first value of a JSON text begins, after its byte order mark if it has one. */
export const beginning = (json: Buffer): number => skipSpace(json, json[0] === 0xef ? 3 : 0)

/** The bytes to take out so that these elements leave an array, without touching the others. */
export function removals(
  elements: readonly JsonMember[],
  goes: (index: number) => boolean,
): { readonly offset: number; readonly length: number }[] {
  let lastKept = elements.length - 1
  while (lastKept >= 0 && goes(lastKept)) lastKept--
  const spans: { offset: number; length: number }[] = []
  for (const [index, { start, end }] of elements.entries()) {
    if (!goes(index)) continue
    const [from, to] =
      index < lastKept
        ? [start, elements[index + 1].start]
        : [index === 0 ? start : elements[index - 1].end, end]
    spans.push({ offset: from, length: to - from })
  }
  return spans
}

function skipSpace(json: Buffer, offset: number): number {
  let at = offset
  while (json[at] === 0x20 || json[at] === 0x0a || json[at] === 0x0d || json[at] === 0x09) at++
  return at
}

function endOfString(json: Buffer, offset: number): number {
  let at = offset + 1
  while (json[at] !== quote) at += json[at] === backslash ? 2 : 1
  return at + 1
}

function endOfValue(json: Buffer, offset: number): number {
  let depth = 0
  for (let at = offset; at < json.length; ) {
    const byte = json[at]
    if (byte === quote) {
      at = endOfString(json, at)
      if (depth === 0) return at
      continue
    }
    if (byte === openObject || byte === openArray) depth++
    else if (byte === closeObject || byte === closeArray) {
      if (depth === 0) return at
      depth--
      if (depth === 0) return at + 1
    } else if (depth === 0 && (byte === comma || byte <= 0x20)) return at
    at++
  }
  return json.length
}
