/** Data that mean harm: what they would have the reader do, and what it says in place of doing it. */
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, symlink, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ParquetFile } from 'parquet-wasm'
import { beforeAll, describe, expect, test } from 'vitest'
import { fingerprint } from '../../src/dataset/fingerprint.js'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { failureOf, imageColumns, png, runIngest, temporaryFolder, writeBytes, writeColumns } from './data.js'

let folder: string
let outside: string
beforeAll(async () => {
  folder = await temporaryFolder()
  outside = await temporaryFolder()
  await writeBytes(join(outside, 'secret.png'), await png([7]))
})

const at = (...names: string[]) => join(folder, ...names)
const failure = async (dataset: Parameters<typeof failureOf>[0]) =>
  (await failureOf(dataset, folder)).replaceAll(outside, '<outside>')

/** A CSV of two classes with three images each, of which the last is called `last.png` and left to be made. */
async function listed(name: string): Promise<string> {
  const images = ['0.png', '1.png', '2.png', '3.png', '4.png']
  for (const [value, image] of images.entries()) await writeBytes(at(name, image), await png([value]))
  const rows = [...images, 'last.png'].map((image, row) => `${image},${row % 2 === 0 ? 'a' : 'b'}\n`)
  return writeBytes(at(name, 'labels.csv'), `path,label\n${rows.join('')}`)
}

describe('files outside the data folder', () => {
  test('by a link in the place of an image', async () => {
    const path = await listed('link')
    await symlink(join(outside, 'secret.png'), at('link', 'last.png'))
    expect(await failure({ path, onBadExample: 'skip' })).toMatchInlineSnapshot(`
      "exit 3: link/last.png: a link leads out of the data folder
        Put it into that folder, or set \`dataset.allowOutside: true\` for data that you trust."
    `)
    const { dataset } = pipelineSchema.parse({ name: 'test', dataset: { path } })
    await expect(fingerprint(dataset)).rejects.toThrow('a link leads out of the data folder')
    expect((await runIngest({ path, allowOutside: true })).info.trainExamples).toBe(6)
  })

  test('by a link in the place of a folder on the way', async () => {
    const path = await listed('way')
    await symlink(outside, at('way', 'more'))
    await writeBytes(path, (await readFile(path, 'utf8')).replace('last.png', 'more/secret.png'))
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: way/more/secret.png: a link leads out of the data folder
        Put it into that folder, or set \`dataset.allowOutside: true\` for data that you trust."
    `)
  })

  test('links that stay inside are followed, also from a folder that is one itself', async () => {
    await listed('inside')
    await symlink('0.png', at('inside', 'last.png'))
    await symlink(at('inside'), at('by-link'))
    expect((await runIngest({ path: at('by-link', 'labels.csv') })).info.trainExamples).toBe(6)
  })

  test('by a class folder', async () => {
    await listed('classes/a')
    await symlink(outside, at('classes', 'b'))
    expect(await failure({ path: at('classes') })).toMatchInlineSnapshot(`
      "exit 3: classes/b: a link leads out of the data folder
        Put it into that folder, or set \`dataset.allowOutside: true\` for data that you trust."
    `)
    const { info } = await runIngest({ path: at('classes'), allowOutside: true, onBadExample: 'skip' })
    expect(info.classNames).toEqual(['a', 'b'])
  })

  test('by the paths of annotations', async () => {
    await writeBytes(at('secret.png'), await png([7]))
    const path = await writeBytes(
      at('jsonl', 'metadata.jsonl'),
      '{"file_name": "../secret.png", "label": 1}\n',
    )
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: jsonl/metadata.jsonl: the path ../secret.png leads out of the data folder
        Put it into that folder, or set \`dataset.allowOutside: true\` for data that you trust."
    `)
    const coco = {
      images: [{ id: 1, file_name: join(outside, 'secret.png') }],
      annotations: [{ image_id: 1, category_id: 1 }],
      categories: [{ id: 1, name: 'cat' }],
    }
    const json = await writeBytes(at('coco.json'), JSON.stringify(coco))
    expect(await failure({ path: json })).toMatchInlineSnapshot(`
      "exit 3: coco.json: the path <outside>/secret.png leads out of the data folder
        Put it into that folder, or set \`dataset.allowOutside: true\` for data that you trust."
    `)
  })

  test('by the list of CelebA', async () => {
    const list = '1\nSmiling\n../../secret.png  1\n'
    const path = await writeBytes(at('celeba', 'list_attr_celeba.txt'), list)
    await mkdir(at('celeba', 'img_align_celeba'))
    expect(await failure({ path, label: 'Smiling' })).toMatchInlineSnapshot(`
      "exit 3: celeba/list_attr_celeba.txt, row 0: the path ../../secret.png leads out of the data folder
        Put it into that folder, or set \`dataset.allowOutside: true\` for data that you trust."
    `)
  })
})

describe('what has no end', () => {
  test('links that go round', async () => {
    await listed('round/a')
    await listed('round/b')
    await symlink('..', at('round', 'a', 'again'))
    expect(await failure({ path: at('round') })).toMatch(/a link leads to a folder that is read already/)
  })

  test('a link that leads nowhere', async () => {
    await listed('nowhere/a')
    await symlink('gone', at('nowhere', 'b'))
    expect(await failure({ path: at('nowhere') })).toMatchInlineSnapshot(`
      "exit 3: nowhere/b: the link leads nowhere
        Mend it, or take it away."
    `)
  })

  test('a pipe in the place of an image, and of annotations', async () => {
    const path = await listed('pipe')
    execFileSync('mkfifo', [at('pipe', 'last.png'), at('pipe', 'metadata.jsonl')])
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: pipe/labels.csv, row 5: last.png is no file
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
    const { dataset } = pipelineSchema.parse({ name: 'test', dataset: { path } })
    expect(await fingerprint(dataset)).toMatch(/^[0-9a-f]{64}$/)
    expect(await failure({ path: at('pipe', 'metadata.jsonl') })).toMatch(/^exit [23]: /)
  })

  test('a row of delimiters alone', async () => {
    const path = await writeBytes(at('endless.csv'), `x,label\n1,a\n${','.repeat(20 << 20)}`)
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: endless.csv: the row does not end: a quote may be open
        Every row needs as many fields as the header; quotes within a quoted field are doubled."
    `)
  })

  test('columns', async () => {
    const header = Array.from({ length: 200_000 }, (_, column) => column.toString(36))
    const path = await writeBytes(at('columns.csv'), `${header.join(',')},label\n`)
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: columns.csv: there are 200001 columns, more than 131072
        Write so many features as one column of lists, in Parquet."
    `)
  })
})

describe('more than there is', () => {
  test('an image file of half a gigabyte', async () => {
    const path = await listed('large')
    await writeBytes(at('large', 'last.png'), await png([1]))
    await truncate(at('large', 'last.png'), 500e6)
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: large/labels.csv, row 5: the image file has 500000000 bytes, more than 400 million
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test('a drawing in the place of a picture', async () => {
    const { image, label } = await imageColumns(4)
    const images = [...(image[1] as unknown as { bytes: Uint8Array; path: string }[])]
    const uses = Array.from({ length: 9 }, () => '<use href="#a"/>').join('')
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><g id="a">${uses}</g></svg>`
    images[3] = { bytes: Buffer.from(svg), path: 'drawing.png' }
    const path = await writeColumns(at('drawing.parquet'), { image: ['image', images], label })
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: drawing.parquet, row 3: this is no image of a known format
        Mend or remove the example, or set \`dataset.onBadExample: skip\`."
    `)
  })

  test.each([
    ['huge', [0xffffffff, 0xffff, 0xffff]],
    ['wide', [1, 0xffff, 0xffff]],
    ['flat', [4, 0, 28]],
  ])('the header of IDX: %s', async (name, dimensions) => {
    const header = (kind: number, sizes: readonly number[]) => {
      const bytes = Buffer.alloc(4 + 4 * sizes.length)
      bytes.writeUInt32BE(0x0800 + kind)
      for (const [index, size] of sizes.entries()) bytes.writeUInt32BE(size, 4 + 4 * index)
      return bytes
    }
    const images = Buffer.concat([header(3, dimensions), Buffer.alloc(1000)])
    const labels = Buffer.concat([header(1, [dimensions[0]]), Buffer.alloc(1000)])
    await writeBytes(at(name, 'train-images-idx3-ubyte.gz'), gzipSync(images))
    await writeBytes(at(name, 'train-labels-idx1-ubyte.gz'), gzipSync(labels))
    expect((await failure({ path: at(name) })).replaceAll(name, '…')).toMatchSnapshot()
  })

  test.each([
    ['(9000000000, 9000000000)', '<f4'],
    ['(0, 9007199254740991)', '<f4'],
    ['(1000000000000, 0)', '<f4'],
    ['(-1, 3)', '<f4'],
    ['(3, 1)', '<U0'],
  ])('the header of npy: %s of %s', async (shape, type) => {
    const dictionary = `{'descr': '${type}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117)
    const bytes = Buffer.concat([
      Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]),
      Buffer.from(`${dictionary}\n`),
    ])
    await writeBytes(at('npy', 'x.npy'), bytes)
    await writeBytes(at('npy', 'y.npy'), bytes)
    expect(await failure({ path: at('npy', 'x.npy') })).toMatchSnapshot()
  })

  test('row groups of Parquet', async () => {
    const path = await writeColumns(at('bomb.parquet'), await imageColumns(4))
    const bytes = await readFile(path)
    const footer = bytes.subarray(bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8), bytes.length - 8)
    const sizes = await groupSize(bytes)
    const forged = replaced(footer, varint(sizes), varint(3e9))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(forged.length)
    const body = bytes.subarray(0, bytes.length - 8 - footer.length)
    await writeBytes(path, Buffer.concat([body, forged, length, Buffer.from('PAR1')]))
    expect(await failure({ path })).toMatchInlineSnapshot(`
      "exit 3: bomb.parquet: row group 0 has 3000000000 bytes when it is decompressed
        Write the file again with row groups of less than a gigabyte."
    `)
  })
})

/** Decompressed bytes of the first row group, as the footer says. */
async function groupSize(bytes: Buffer): Promise<number> {
  const file = await ParquetFile.fromFile(new Blob([bytes as Uint8Array<ArrayBuffer>]))
  return file.metadata().rowGroups()[0].totalByteSize()
}

/** Thrift's compact form of an integer: zigzag, seven bits a byte. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = 2 * value
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128)
  return Buffer.from([...bytes, left])
}

/** The bytes with one sequence in the place of another, wherever that is. */
function replaced(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const parts: Buffer[] = []
  let begin = 0
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, begin)) {
    parts.push(bytes.subarray(begin, at), to)
    begin = at + from.length
  }
  expect(begin).toBeGreaterThan(0)
  return Buffer.concat([...parts, bytes.subarray(begin)])
}
