/**
 * Thrift's compact protocol, which describes itself: messages as trees of numbered fields, without knowing what the
 * fields mean. Specification: github.com/apache/thrift, doc/specs/thrift-compact-protocol.md.
 */

/** Fields by their number. */
export type ThriftStruct = Map<number, ThriftField>

export type ThriftField =
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'i8' | 'i16' | 'i32' | 'i64'; readonly value: number }
  | { readonly type: 'double' | 'binary'; readonly value: Uint8Array }
  | { readonly type: 'list' | 'set'; readonly of: number; readonly value: readonly ThriftField[] }
  | { readonly type: 'struct'; readonly value: ThriftStruct }

const [isTrue, isFalse, i8, i16, i32, i64, double, binary, list, set, , struct] = Array.from(
  { length: 12 },
  (_, type) => type + 1,
)
const integers = { [i16]: 'i16', [i32]: 'i32', [i64]: 'i64' } as const
const codes = { bool: isTrue, i8, i16, i32, i64, double, binary, list, set, struct } as const
/** Deeper ones are made to exhaust the stack. */
const deepest = 64

/** @throws RangeError if the bytes are cut off, or hold what Parquet's footers do not (maps) */
export function readThrift(bytes: Uint8Array): ThriftStruct {
  let at = 0

  function byte(): number {
    if (at >= bytes.length) throw new RangeError('the message is cut off')
    return bytes[at++]
  }

  function varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const next = byte()
      value += (next & 0x7f) * factor
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number is too large')
      if (next < 0x80) return value
    }
  }

  function zigzag(): number {
    const value = varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  function take(length: number): Uint8Array {
    if (at + length > bytes.length) throw new RangeError('the message is cut off')
    at += length
    return bytes.subarray(at - length, at)
  }

  function value(type: number, depth: number, inList: boolean): ThriftField {
    switch (type) {
      case isTrue:
      case isFalse:
        return { type: 'bool', value: inList ? byte() === isTrue : type === isTrue }
      case i8:
        return { type: 'i8', value: byte() }
      case i16:
      case i32:
      case i64:
        return { type: integers[type], value: zigzag() }
      case double:
        return { type: 'double', value: take(8) }
      case binary:
        return { type: 'binary', value: take(varint()) }
      case list:
      case set: {
        const head = byte()
        const of = head & 0xf
        const length = head >> 4 === 0xf ? varint() : head >> 4
        // Every element takes a byte at least, so that a length that lies is found out before memory is made for it.
        if (length > bytes.length - at) throw new RangeError('the message is cut off')
        const values = Array.from({ length }, () => value(of, depth + 1, true))
        return { type: type === list ? 'list' : 'set', of, value: values }
      }
      case struct:
        return { type: 'struct', value: fields(depth + 1) }
      default:
        throw new RangeError(`type ${type} is not known`)
    }
  }

  function fields(depth: number): ThriftStruct {
    if (depth > deepest) throw new RangeError('the message is nested too deep')
    const found: ThriftStruct = new Map()
    for (let id = 0, head = byte(); head !== 0; head = byte()) {
      id = head >> 4 === 0 ? zigzag() : id + (head >> 4)
      found.set(id, value(head & 0xf, depth, false))
    }
    return found
  }

  return fields(0)
}

/** The message of a tree; of one that was read, the same bytes where its writer was thrifty. */
export function writeThrift(message: ThriftStruct): Uint8Array<ArrayBuffer> {
  let bytes = new Uint8Array(1024)
  let at = 0

  function put(added: ArrayLike<number>): void {
    if (at + added.length > bytes.length) {
      const grown = new Uint8Array(2 * (at + added.length))
      grown.set(bytes)
      bytes = grown
    }
    bytes.set(added, at)
    at += added.length
  }

  function putVarint(value: number): void {
    let left = value
    for (; left >= 128; left = Math.floor(left / 128)) put([(left % 128) + 128])
    put([left])
  }

  const putZigzag = (value: number) => putVarint(value < 0 ? -2 * value - 1 : 2 * value)

  function putValue(field: ThriftField): void {
    switch (field.type) {
      case 'bool':
        put([field.value ? isTrue : isFalse])
        break
      case 'i8':
        put([field.value])
        break
      case 'i16':
      case 'i32':
      case 'i64':
        putZigzag(field.value)
        break
      case 'double':
        put(field.value)
        break
      case 'binary':
        putVarint(field.value.length)
        put(field.value)
        break
      case 'list':
      case 'set': {
        const { length } = field.value
        put([(Math.min(length, 15) << 4) | field.of])
        if (length >= 15) putVarint(length)
        for (const element of field.value) putValue(element)
        break
      }
      case 'struct':
        putFields(field.value)
    }
  }

  function putFields(fields: ThriftStruct): void {
    let last = 0
    for (const [id, field] of [...fields].sort(([a], [b]) => a - b)) {
      const type = field.type === 'bool' && !field.value ? isFalse : codes[field.type]
      const step = id - last
      if (step > 0 && step < 16) put([(step << 4) | type])
      else {
        put([type])
        putZigzag(id)
      }
      if (field.type !== 'bool') putValue(field)
      last = id
    }
    put([0])
  }

  putFields(message)
  return bytes.slice(0, at)
}
