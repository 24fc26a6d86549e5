/**
 * NumPy arrays, one file of inputs and one of labels: images of bytes ([n, h, w], [n, h, w, c] or [n, c, h, w] with
 * 1 or 3 channels) or rows of numbers ([n, features]), and labels [n] or [n, 1], integers or text.
 */
import { extname } from 'node:path'
import { DataError } from '../errors.js'
import { openFile, placed } from '../pipeline/files.js'
import { npyTexts, parseNpyHeader, type RawNpyHeader } from '../tables/npy.js'
import {
  type ArrayFile,
  type ArrayInput,
  arrayReader,
  channelsLast,
  checkPaired,
  labelFile,
} from './arrays.js'
import type { Layout } from './layout.js'
import { anywhere, namesOfPart } from './parts.js'
import type { Reader, SourceFile } from './source.js'

const bytesAtATime = 1 << 21

/** By what a word of the name of the inputs is replaced in the name of their labels. */
const wordPairs: readonly (readonly [inputs: string, labels: string])[] = [
  ['x', 'y'],
  ['X', 'y'],
  ['X', 'Y'],
  ...['images', 'imgs', 'inputs', 'data', 'features', 'embeddings'].flatMap(word =>
    ['labels', 'targets', 'y'].map(labels => [word, labels] as const),
  ),
]
const labelWords = /(^|[-_.])(y|labels?|targets?)(?=[-_.]|$)/i

export const npyLayout: Layout = {
  format: 'npy',
  isPaired: true,
  matches: name => /\.npy$/i.test(name),
  inputs(names, part) {
    const arrays = names.filter(name => /\.npy$/i.test(name) && !labelWords.test(stemOf(name)))
    const paired = arrays.filter(name => npyLayout.companions(name, names).length > 0)
    return namesOfPart(paired, part, anywhere)
  },
  companions(input, names) {
    const stem = stemOf(input)
    const replaced = wordPairs.map(([from, to]) =>
      stem.replace(new RegExp(`(^|[-_.])${from}(?=[-_.]|$)`), `$1${to}`),
    )
    const appended = ['_labels', '-labels', '.labels', '_targets', '_y'].map(ending => `${stem}${ending}`)
    const candidates = [...replaced, ...appended, 'labels'].map(name => `${name}${extname(input)}`)
    const found = candidates.find(name => name !== input && names.includes(name))
    return found === undefined ? [] : [found]
  },
}

const stemOf = (name: string): string => name.slice(0, -extname(name).length)

export const npyReader = (files: readonly SourceFile[]): Reader => arrayReader('npy', files, openNpy)

async function openNpy(file: SourceFile): Promise<ArrayFile> {
  const inputs = await openArray(file)
  const labels = await openArray(labelFile(file))
  const [rows] = inputs.shape
  const { input, planar } = inputOf(inputs)
  const [labelRows, perRow = 1] = labels.shape
  if (labels.shape.length > 2 || perRow !== 1) {
    throw new DataError(`labels are one a row, the array is ${shapeText(labels)}`, {
      file: labels.path,
      mend: 'If they are one-hot, save np.argmax(labels, axis=1).',
    })
  }
  if (labels.type === undefined && labels.textLength === undefined) throw unknownType(labels, 'labels')
  checkPaired(file, rows, labelRows)
  const rowsAtATime = Math.max(1, Math.min(1024, Math.floor(bytesAtATime / Math.max(1, inputs.rowBytes))))

  async function* blocks() {
    for (let row = 0; row < rows; row += rowsAtATime) {
      const end = Math.min(row + rowsAtATime, rows)
      const values = await inputs.read(row, end)
      yield {
        inputs: input.kind === 'features' ? floats(inputs, values) : pixels(new Uint8Array(values)),
        labels: [labelValues(labels, await labels.read(row, end), row)],
      }
    }
  }

  function pixels(values: Uint8Array): Uint8Array {
    if (input.kind !== 'image' || !planar) return values
    return channelsLast(values, input.channels, input.height * input.width)
  }

  const kind = labels.textLength === undefined ? 'integer' : 'text'
  return { rows, input, labels: [{ name: 'label', kind }], blocks }
}

interface OpenArray {
  readonly path: string
  readonly header: RawNpyHeader
  readonly shape: readonly number[]
  /** Undefined where the values are no numbers that are read here. */
  readonly type: NumberType | undefined
  /** Characters of each value, where they are text. */
  readonly textLength: number | undefined
  readonly rowBytes: number
  /** The values of some rows. */
  read(start: number, end: number): Promise<ArrayBuffer>
}

type NumberType = keyof typeof numberTypes

const numberTypes = {
  '|b1': Uint8Array,
  '|u1': Uint8Array,
  '|i1': Int8Array,
  '<u2': Uint16Array,
  '<i2': Int16Array,
  '<u4': Uint32Array,
  '<i4': Int32Array,
  '<u8': BigUint64Array,
  '<i8': BigInt64Array,
  '<f4': Float32Array,
  '<f8': Float64Array,
} as const

/** @throws DataError if it is no array file, its values are of another order, or it is cut off */
async function openArray({ path }: SourceFile): Promise<OpenArray> {
  const file = await openFile(path)
  try {
    const header = parseNpyHeader(await file.read(0, 4096))
    const { description, fortranOrder, shape, offset } = header
    if (fortranOrder && shape.length > 1) {
      throw new DataError('the array is in Fortran order', { mend: 'Save np.ascontiguousarray(array).' })
    }
    if (shape.length === 0) throw new DataError('the array is a single value')
    const [rows, ...row] = shape
    if (
      !Number.isSafeInteger(rows) ||
      rows < 0 ||
      !row.every(size => Number.isSafeInteger(size) && size > 0)
    ) {
      throw new DataError(`the array is [${shape.join(', ')}]`, { mend: 'Save it again.' })
    }
    const type = Object.hasOwn(numberTypes, description) ? (description as NumberType) : undefined
    const [, characters] = /^<U(\d+)$/.exec(description) ?? []
    const textLength = characters === undefined || characters === '0' ? undefined : Number(characters)
    const valueBytes = type === undefined ? 4 * (textLength ?? 0) : numberTypes[type].BYTES_PER_ELEMENT
    const rowBytes = shape.slice(1).reduce((product, size) => product * size, valueBytes)
    const expected = offset + shape[0] * rowBytes
    if (valueBytes > 0 && file.size !== expected) {
      throw new DataError(
        `the file is ${file.size} bytes long, its header says ${expected} (${shape[0]} rows of ${rowBytes} bytes)`,
        {
          row: Math.min(shape[0], Math.floor((file.size - offset) / Math.max(1, rowBytes))),
          mend: 'Save it again.',
        },
      )
    }
    const read = async (start: number, end: number) =>
      (await file.read(offset + start * rowBytes, offset + end * rowBytes)).buffer
    return { path, header, shape, type, textLength, rowBytes, read }
  } catch (error) {
    throw placed(error, path)
  }
}

const shapeText = ({ header, shape }: OpenArray): string => `${header.description} [${shape.join(', ')}]`

function unknownType(array: OpenArray, what: string): DataError {
  return new DataError(`the array is ${shapeText(array)}: ${what} of that type are not read`, {
    file: array.path,
    mend: 'Save it with another type, such as .astype("<f4") for features or .astype("<i8") for labels.',
  })
}

/** Images or features, and whether the channels of an image lie one after the other. */
function inputOf(array: OpenArray): { input: ArrayInput; planar: boolean } {
  const { path, shape, type } = array
  if (type === undefined) throw unknownType(array, 'inputs')
  if (shape.length <= 2) return { input: { kind: 'features', features: shape[1] ?? 1 }, planar: false }
  if (type !== '|u1' || shape.length > 4) {
    throw new DataError(
      `the array is ${shapeText(array)}: images are bytes, [n, h, w], [n, h, w, c] or [n, c, h, w]`,
      {
        file: path,
        mend: 'If they are floats from 0 to 1, save np.round(255 * images).astype("uint8").',
      },
    )
  }
  if (shape.length === 3) return { input: imageOf(shape[1], shape[2], 1), planar: false }
  const [, first, second, last] = shape
  const isCount = (channels: number): channels is 1 | 3 => channels === 1 || channels === 3
  if (isCount(last) && !isCount(first)) return { input: imageOf(first, second, last), planar: false }
  if (isCount(first) && !isCount(last)) return { input: imageOf(second, last, first), planar: true }
  throw new DataError(
    `the array is ${shapeText(array)}: ${isCount(first) ? 'either the second or the last dimension may be' : 'neither the second nor the last dimension is'} the channels, 1 or 3`,
    { file: path, mend: 'Save images as [n, height, width, channels] with 1 or 3 channels.' },
  )
}

const imageOf = (height: number, width: number, channels: 1 | 3): ArrayInput => ({
  kind: 'image',
  height,
  width,
  channels,
})

function floats({ type }: OpenArray, values: ArrayBuffer): Float32Array {
  return type === '<f4' ? new Float32Array(values) : Float32Array.from(new numberTypes[type!](values), Number)
}

function labelValues(
  { path, type, textLength }: OpenArray,
  values: ArrayBuffer,
  firstRow: number,
): number[] | string[] {
  if (type !== undefined) return Array.from(new numberTypes[type](values), Number)
  try {
    return npyTexts(new Uint32Array(values), textLength!, firstRow)
  } catch (error) {
    throw placed(error, path)
  }
}
