/**
 * IDX, as MNIST and its kin have it, compressed or not: two zero bytes, the type of the values, the number of
 * dimensions, the dimensions (big-endian), the values. Images are bytes [images, height, width] or [images, height,
 * width, channels], labels bytes in a file of their own. Layout: yann.lecun.com/exdb/mnist.
 */
import { stat } from 'node:fs/promises'
import { DataError } from '../errors.js'
import { mostPixels } from '../raster.js'
import { type ArrayFile, arrayReader, checkPaired, labelFile } from './arrays.js'
import { FileBytes } from './file-bytes.js'
import type { Layout } from './layout.js'
import { anywhere, namesOfPart } from './parts.js'
import type { Reader, SourceFile } from './source.js'

const unsignedByte = 0x08
const mostDimensions = 4
const bytesAtATime = 1 << 21

const imagesName = /(^|[-_.])images[-_.]idx[34][-_.]ubyte(\.gz)?$/i

export const idxLayout: Layout = {
  format: 'idx',
  isPaired: true,
  matches: name => /[-_.]idx\d[-_.]ubyte(\.gz)?$/i.test(name),
  inputs(names, part) {
    const images = names.filter(name => imagesName.test(name))
    // Where a file lies there both compressed and not, they are the same.
    const once = images.filter(name => !images.includes(name.replace(/\.gz$/i, '')) || !/\.gz$/i.test(name))
    return namesOfPart(once, part, anywhere)
  },
  companions(input, names) {
    const plain = input
      .replace(/\.gz$/i, '')
      .replace(/images(?=[-_.]idx)/i, 'labels')
      .replace(/idx[34](?=[-_.]ubyte$)/i, 'idx1')
    const found = [plain, `${plain}.gz`].find(name => name !== input && names.includes(name))
    return found === undefined ? [] : [found]
  },
}

export const idxReader = (files: readonly SourceFile[]): Reader => arrayReader('idx', files, openIdx)

async function openIdx(file: SourceFile): Promise<ArrayFile> {
  const labels = labelFile(file)
  const dimensions = await readHeader(new FileBytes(file.path))
  const labelDimensions = await readHeader(new FileBytes(labels.path))
  const [rows, height, width, channels = 1] = dimensions
  if (dimensions.length < 3 || (channels !== 1 && channels !== 3)) {
    throw new DataError(`the file holds no images, but an array of [${dimensions.join(', ')}]`, {
      file: file.path,
      mend: 'Images are [images, height, width], or [images, height, width, channels] with 1 or 3 channels.',
    })
  }
  if (labelDimensions.length !== 1) {
    throw new DataError(`the file holds no labels, but an array of [${labelDimensions.join(', ')}]`, {
      file: labels.path,
      mend: 'Labels are one dimension of bytes.',
    })
  }
  checkPaired(file, rows, labelDimensions[0])
  await checkSize(file.path, 4 + 4 * dimensions.length, rows, height * width * channels)
  await checkSize(labels.path, 8, rows, 1)

  async function* blocks() {
    const images = new FileBytes(file.path)
    const classes = new FileBytes(labels.path)
    try {
      await readHeader(images, false)
      await readHeader(classes, false)
      const imageBytes = height * width * channels
      const rowsAtATime = Math.max(1, Math.min(1024, Math.floor(bytesAtATime / imageBytes)))
      for (let row = 0; row < rows; row += rowsAtATime) {
        const count = Math.min(rowsAtATime, rows - row)
        yield {
          inputs: await whole(images, row, count, imageBytes),
          labels: [await whole(classes, row, count, 1)],
        }
      }
      for (const bytes of [images, classes]) await checkEnd(bytes, rows)
    } finally {
      await images.close()
      await classes.close()
    }
  }

  return {
    rows,
    input: { kind: 'image', height, width, channels },
    labels: [{ name: 'label', kind: 'integer' }],
    blocks,
  }
}

/**
 * The dimensions in the header.
 * @param alone the rest of the file is not wanted
 * @throws DataError if the file is not IDX, or holds other than bytes
 */
async function readHeader(bytes: FileBytes, alone = true): Promise<number[]> {
  const file = bytes.path
  try {
    const magic = await bytes.read(4)
    const [first, second, type, count] = magic
    if (magic.length < 4 || first !== 0 || second !== 0 || count < 1 || count > mostDimensions) {
      throw new DataError(`this is no IDX file: it begins with the bytes ${hex(magic)}`, {
        file,
        mend: 'IDX begins with 00 00 08 03 for images and 00 00 08 01 for labels; compressed files end in .gz.',
      })
    }
    if (type !== unsignedByte) {
      throw new DataError(`the values are of the type ${hex([type])}, not unsigned bytes (08)`, {
        file,
        mend: 'Images and labels are bytes.',
      })
    }
    const dimensions = await bytes.read(4 * count)
    if (dimensions.length < 4 * count) {
      throw new DataError('the file is cut off in its header', { file, mend: 'Fetch it again.' })
    }
    const view = new DataView(dimensions.buffer, dimensions.byteOffset, dimensions.byteLength)
    return Array.from({ length: count }, (_, index) => view.getUint32(4 * index))
  } finally {
    if (alone) await bytes.close()
  }
}

/**
 * Holds what a header promises against the file, before memory is made for it.
 * @throws DataError if the file cannot hold so much, even compressed as far as it goes
 */
async function checkSize(file: string, headerBytes: number, rows: number, rowBytes: number): Promise<void> {
  if (rowBytes === 0 || rowBytes > mostPixels) {
    throw new DataError(`its header says ${rows} images of ${rowBytes} bytes`, {
      file,
      mend: 'Fetch it again.',
    })
  }
  const { size } = await stat(file)
  const most = /\.gz$/i.test(file) ? size * mostCompressed : size
  if (headerBytes + rows * rowBytes > most) {
    throw cutOff(file, Math.floor(Math.max(0, most - headerBytes) / rowBytes))
  }
}

/** How far DEFLATE compresses at best: 258 bytes in two bits (zlib.net, "zlib technical details"). */
const mostCompressed = 1032

const hex = (bytes: Iterable<number>): string =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ')

async function whole(bytes: FileBytes, row: number, count: number, rowBytes: number): Promise<Uint8Array> {
  const values = await bytes.read(count * rowBytes)
  if (values.length === count * rowBytes) return values
  throw cutOff(bytes.path, row + Math.floor(values.length / rowBytes))
}

const cutOff = (file: string, row: number): DataError =>
  new DataError('the file is cut off: it holds fewer rows than its header says', {
    file,
    row,
    mend: 'Fetch it again.',
  })

async function checkEnd(bytes: FileBytes, rows: number): Promise<void> {
  if ((await bytes.read(1)).length === 0) return
  throw new DataError(`the file goes on after the ${rows} rows that its header says`, {
    file: bytes.path,
    row: rows,
    mend: 'Fetch it again.',
  })
}
