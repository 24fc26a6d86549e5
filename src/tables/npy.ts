/**
 * NumPy's array file, format version 1.0: a magic string, the length of the header, the header (a Python
 * dictionary in ASCII, padded), and the values in C order, little-endian.
 * Specification: numpy.org, "numpy.lib.format".
 */
import { DataError } from '../errors.js'

export type NpyArray = Uint8Array | Int32Array | Float32Array

export interface NpyHeader {
  readonly dtype: 'uint8' | 'int32' | 'float32'
  readonly shape: readonly number[]
}

const descriptions = { uint8: '|u1', int32: '<i4', float32: '<f4' } as const
export const npyArrayTypes = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array } as const

/** Bytes before the values in every file that {@link encodeNpyHeader} begins, whatever the shape. */
export const npyHeaderBytes = 128

/** Header of an array file. Always {@link npyHeaderBytes} long, so that it can be filled in when all rows are written. */
export function encodeNpyHeader({ dtype, shape }: NpyHeader): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${descriptions[dtype]}', 'fortran_order': False, 'shape': (${tuple}), }`
  const length = npyHeaderBytes - 10
  const header = new Uint8Array(npyHeaderBytes)
  header.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, length & 0xff, length >> 8])
  header.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), 10)
  return header
}

/** An array file's header as it stands there. */
export interface RawNpyHeader {
  /** NumPy's name of the type with its byte order, such as `<f8`. */
  readonly description: string
  readonly fortranOrder: boolean
  readonly shape: readonly number[]
  /** Where the values begin. */
  readonly offset: number
}

/**
 * Header of an array file, whatever it holds, from the file's first bytes (4,096 are plenty).
 * @throws DataError if it is no such file
 */
export function parseNpyHeader(bytes: Uint8Array): RawNpyHeader {
  if (bytes.length < 12) throw new DataError('not a NumPy array file')
  const [major] = bytes.subarray(6, 7)
  const isNpy = bytes[0] === 0x93 && new TextDecoder().decode(bytes.subarray(1, 6)) === 'NUMPY'
  if (!isNpy || major < 1 || major > 3) throw new DataError('not a NumPy array file')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const offset = major === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true)
  const text = new TextDecoder().decode(bytes.subarray(major === 1 ? 10 : 12, offset))
  const [, description] = /'descr':\s*'([^']*)'/.exec(text) ?? []
  const [, dimensions] = /'shape':\s*\(([^)]*)\)/.exec(text) ?? []
  const [, order] = /'fortran_order':\s*(True|False)/.exec(text) ?? []
  if (description === undefined || dimensions === undefined || order === undefined) {
    throw new DataError(`the array is not one of plain values: ${text.trim().slice(0, 80)}`)
  }
  const shape = dimensions
    .split(',')
    .filter(part => part.trim() !== '')
    .map(Number)
  const wrong = shape.find(size => !(Number.isSafeInteger(size) && size >= 0))
  if (wrong !== undefined) {
    throw new DataError(`the array cannot have ${wrong} rows or columns`, { mend: 'Save it again.' })
  }
  return { description, fortranOrder: order === 'True', shape, offset }
}

/**
 * The texts of an array of text, each `width` characters of UTF-32, filled up with zeros.
 * @param firstRow where the first stands in the file, for errors
 * @throws DataError if a number is no character
 */
export function npyTexts(points: Uint32Array, width: number, firstRow = 0): string[] {
  return Array.from({ length: width === 0 ? 0 : points.length / width }, (_, row) => {
    const text = points.subarray(row * width, (row + 1) * width)
    const end = text.indexOf(0)
    return Array.from(end < 0 ? text : text.subarray(0, end), point => {
      if (point <= 0x10ffff) return String.fromCodePoint(point)
      throw new DataError(`the number ${point} stands for no character`, {
        row: firstRow + row,
        mend: 'Save the array again.',
      })
    }).join('')
  })
}

/**
 * Header of an array file of the types in use here, as {@link parseNpyHeader}.
 * @throws DataError if it is no such file, or its values are of a type or order that is not read here
 */
export function decodeNpyHeader(bytes: Uint8Array): NpyHeader & { readonly offset: number } {
  const { description, fortranOrder, shape, offset } = parseNpyHeader(bytes)
  const found = Object.entries(descriptions).find(([, value]) => value === description)
  if (found === undefined || fortranOrder) {
    const order = fortranOrder ? 'Fortran' : 'C'
    throw new DataError(
      `the array is not of uint8, int32 or float32 in C order, but of ${description} in ${order} order`,
    )
  }
  return { dtype: found[0] as NpyHeader['dtype'], shape, offset }
}
