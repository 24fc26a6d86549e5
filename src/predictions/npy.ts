/** NumPy's array files as others save predictions and labels: any real type, C or Fortran order. */
import { type FileHandle, open } from 'node:fs/promises'
import { DataError } from '../errors.js'
import { fromFloat16 } from '../onnx/float16.js'
import { placed } from '../pipeline/files.js'
import { npyTexts, parseNpyHeader } from '../tables/npy.js'

/** Real numbers as they are on disk where their type allows, float64 (exact up to 2⁵³) for all others. */
export type Numbers = Float32Array | Float64Array

/** How values of a type are made numbers, and the bytes that each takes. */
interface NumberType {
  readonly size: number
  numbers(bytes: ArrayBuffer, offset: number, length: number): Numbers
}

function viewed(ArrayType: {
  readonly BYTES_PER_ELEMENT: number
  new (bytes: ArrayBuffer, offset: number, length: number): ArrayLike<number>
}): NumberType {
  return {
    size: ArrayType.BYTES_PER_ELEMENT,
    numbers: (bytes, offset, length) => new Float64Array(new ArrayType(bytes, offset, length)),
  }
}

const wide = (HighType: typeof Int32Array | typeof Uint32Array): NumberType => ({
  size: 8,
  numbers(bytes, offset, length) {
    // By halves, without a BigInt for every value.
    const low = new Uint32Array(bytes, offset, 2 * length)
    const high = new HighType(bytes, offset, 2 * length)
    const values = new Float64Array(length)
    for (let at = 0; at < length; at++) values[at] = high[2 * at + 1] * 2 ** 32 + low[2 * at]
    return values
  },
})

const numberTypes: Readonly<Record<string, NumberType>> = {
  '<f4': { size: 4, numbers: (bytes, offset, length) => new Float32Array(bytes, offset, length) },
  '<f8': { size: 8, numbers: (bytes, offset, length) => new Float64Array(bytes, offset, length) },
  '<f2': {
    size: 2,
    numbers: (bytes, offset, length) => fromFloat16(new Uint16Array(bytes, offset, length)),
  },
  '|b1': viewed(Uint8Array),
  '|u1': viewed(Uint8Array),
  '|i1': viewed(Int8Array),
  '<u2': viewed(Uint16Array),
  '<i2': viewed(Int16Array),
  '<u4': viewed(Uint32Array),
  '<i4': viewed(Int32Array),
  '<u8': wide(Uint32Array),
  '<i8': wide(Int32Array),
}

export class NpyFile {
  private constructor(
    readonly path: string,
    readonly shape: readonly number[],
    private readonly type: { readonly size: number; readonly numbers?: NumberType['numbers'] },
    private readonly fortranOrder: boolean,
    private readonly offset: number,
    /** Whether the values are real numbers that are not whole by their type. */
    readonly isFloat: boolean,
  ) {}

  /** @throws DataError that names the file, if it is not there, is no such file, or holds values of another kind */
  static async open(path: string): Promise<NpyFile> {
    return withFile(path, async file => {
      const { size } = await file.stat()
      const first = new Uint8Array(Math.min(size, 65_536))
      await readFully(file, first, 0)
      const { description, fortranOrder, shape, offset } = parseNpyHeader(first)
      const characters = /^<U(\d+)$/.exec(description)?.[1]
      const type =
        characters === undefined ? numberTypes[description] : { size: Number(characters) * bytesPerCharacter }
      if (type === undefined) {
        throw new DataError(`the array is of ${description}, which is not read here`, {
          mend: 'Save it with numpy.save as float32, float64, an integer type, or text.',
        })
      }
      const expected = offset + shape.reduce((product, length) => product * length, 1) * type.size
      if (size !== expected) {
        throw new DataError(`the file is ${size} bytes long, its header says ${expected}`, {
          mend: 'The file may be cut off: fetch or write it again.',
        })
      }
      return new NpyFile(
        path,
        shape,
        type,
        fortranOrder && shape.length > 1,
        offset,
        description.startsWith('<f'),
      )
    })
  }

  get isText(): boolean {
    return this.type.numbers === undefined
  }

  /**
   * Consecutive rows of the matrix that the array's last dimension makes of it, at most `rows` at a time. A block
   * holds until the next one is asked for.
   * @param from first row, `count` how many; all of them when absent
   */
  async *blocks(rows: number, from = 0, count = this.rows - from): AsyncGenerator<Numbers> {
    const { numbers, size } = this.type
    if (numbers === undefined)
      throw new DataError('the array is of text, not of numbers', { file: this.path })
    const columns = this.columns
    const bytes = new ArrayBuffer(Math.min(rows, count) * columns * size)
    const file = await openForReading(this.path)
    try {
      for (let row = from; row < from + count; row += rows) {
        const height = Math.min(rows, from + count - row)
        if (!this.fortranOrder) {
          const target = new Uint8Array(bytes, 0, height * columns * size)
          await readFully(file, target, this.offset + row * columns * size)
          yield numbers(bytes, 0, height * columns)
          continue
        }
        for (let column = 0; column < columns; column++) {
          const target = new Uint8Array(bytes, column * height * size, height * size)
          await readFully(file, target, this.offset + (column * this.rows + row) * size)
        }
        yield transposed(numbers(bytes, 0, height * columns), height, columns)
      }
    } catch (error) {
      throw placed(error, this.path)
    } finally {
      await file.close()
    }
  }

  /** The texts of an array of text. @throws DataError that names the file */
  async texts(): Promise<string[]> {
    return withFile(this.path, async file => {
      const count = this.shape.reduce((product, length) => product * length, 1)
      const bytes = new Uint8Array(count * this.type.size)
      await readFully(file, bytes, this.offset)
      return npyTexts(new Uint32Array(bytes.buffer), this.type.size / bytesPerCharacter)
    })
  }

  /** Length of the last dimension; 1 of a vector. */
  get columns(): number {
    return this.shape.length < 2 ? 1 : this.shape.at(-1)!
  }

  /** Product of the other dimensions. */
  get rows(): number {
    const others = this.shape.length < 2 ? this.shape : this.shape.slice(0, -1)
    return others.reduce((product, length) => product * length, 1)
  }
}

const bytesPerCharacter = 4

function transposed(values: Numbers, rows: number, columns: number): Numbers {
  const turned = values.slice()
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) turned[row * columns + column] = values[column * rows + row]
  }
  return turned
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await openForReading(path)
  try {
    return await use(file)
  } catch (error) {
    throw placed(error, path)
  } finally {
    await file.close()
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (cause) {
    throw new DataError('the file cannot be opened', { file: path, mend: 'Check the path.', cause })
  }
}

async function readFully(file: FileHandle, target: Uint8Array, position: number): Promise<void> {
  for (let offset = 0; offset < target.length; ) {
    const { bytesRead } = await file.read(target, offset, target.length - offset, position + offset)
    if (bytesRead === 0) {
      throw new DataError('the file ended while it was read', { mend: 'It may be written at this moment.' })
    }
    offset += bytesRead
  }
}
