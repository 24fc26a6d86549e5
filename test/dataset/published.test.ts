import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { DatasetInfo } from '../../src/dataset/info.js'
import {
  openCorrupted,
  openFolder,
  publishedCorruptions,
  publishedFingerprint,
} from '../../src/dataset/published.js'
import { readNpy, writeNpy } from '../../src/pipeline/files.js'
import { png, temporaryFolder, writeBytes } from './data.js'

const shape = { height: 4, width: 4, channels: 3 }
const pixels = 4 * 4 * 3

let folder: string
beforeEach(async () => {
  folder = await temporaryFolder()
})

/** As far as published pictures must fit a data set. */
const dataset = (classNames: string[], classLabels: (string | number)[] = classNames) =>
  ({ classNames, classLabels, input: { kind: 'image', ...shape } }) as unknown as DatasetInfo

const digits = dataset(['zero', 'one', 'two'], [0, 1, 2])

/** A header of version 1.0 and the values. */
function npy(descr: string, sizes: readonly number[], data: Uint8Array): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes.join(', ')},), }`
  const header = Buffer.from(`${text.padEnd(117)}\n`)
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), Buffer.from([118, 0]), header, data])
}

const given = [2, 0, 1, 2]

/** As CIFAR-10-C has it: the test set five times over; picture i of severity s has the value 40 s + i. */
async function writeArrays(labels: readonly number[] = given): Promise<void> {
  const values = [1, 2, 3, 4, 5].flatMap(severity => given.map((_, i) => 40 * severity + i))
  const pictures = Uint8Array.from(
    { length: values.length * pixels },
    (_, i) => values[Math.floor(i / pixels)]!,
  )
  await writeNpy(join(folder, 'fog.npy'), { dtype: 'uint8', shape: [4, 4, 3] }, [pictures])
  const five = BigInt64Array.from({ length: 5 * labels.length }, (_, i) => BigInt(labels[i % labels.length]!))
  const bytes = new Uint8Array(five.buffer)
  await writeFile(join(folder, 'labels.npy'), npy('<i8', [five.length], bytes))
}

/** `<synset>/<image>`, of one colour each. */
async function writeFolders(root: string, pictures: Readonly<Record<string, number>>): Promise<void> {
  for (const [path, value] of Object.entries(pictures)) {
    await writeBytes(join(root, path), await png([value, value, value]))
  }
}

async function written(
  pictures: { write: (path: string, s: typeof shape, c: Uint8Array) => Promise<void> },
  chosen: number[],
) {
  const path = join(folder, 'out', 'pictures.npy')
  await mkdir(join(folder, 'out'), { recursive: true })
  await pictures.write(path, shape, Uint8Array.from(chosen))
  const { data } = await readNpy(path)
  return Array.from({ length: data.length / pixels }, (_, i) => data[i * pixels])
}

describe('arrays such as those of CIFAR-10-C', () => {
  it('hold the test set once for each severity', async () => {
    await writeArrays()
    expect(await publishedCorruptions(folder, 'robustness.files')).toEqual(['fog'])
    const third = await openCorrupted(folder, 'fog', 3, digits, 'train.parquet')
    const first = await openCorrupted(folder, 'fog', 1, digits, 'train.parquet')
    expect([...third.labels]).toEqual(given)
    expect(third.ids).toEqual(first.ids)
    expect(await written(third, [1, 0, 0, 1])).toEqual([120, 123])
    expect(await written(first, [0, 1, 1, 0])).toEqual([41, 42])
  })

  it('are refused when cut off, without labels, or with others than the data set has', async () => {
    await writeArrays()
    const open = () => openCorrupted(folder, 'fog', 3, digits, 'train.parquet')
    const [array, labels] = ['fog.npy', 'labels.npy'].map(name => join(folder, name))
    const [whole, wholeLabels] = [await readFile(array!), await readFile(labels!)]

    await writeFile(array!, whole.subarray(0, whole.length - 7))
    await expect(open()).rejects.toMatchObject({ name: 'DataError', file: array })
    await writeFile(array!, npy('|u1', [7, 4, 4, 3], new Uint8Array(7 * pixels)))
    await expect(open()).rejects.toThrow(/7 pictures cannot be those of 5 severities/)
    await writeFile(array!, npy('|u1', [10, 4, 4, 3], new Uint8Array(10 * pixels)))
    await expect(open()).rejects.toThrow(/10.*20|20.*10/)

    await writeFile(array!, whole)
    await writeArrays([2, 0, 9, 2])
    await expect(open()).rejects.toThrow(/"9" is none of the 3 classes/)
    await writeFile(labels!, wholeLabels.subarray(0, 100))
    await expect(open()).rejects.toMatchObject({ name: 'DataError' })
    await rm(labels!)
    await expect(open()).rejects.toThrow(/labels of the corrupted pictures are missing/)
  })
})

describe('folders such as those of ImageNet-C', () => {
  const synsets = dataset(['n01440764', 'n02119789', 'n02120079'])

  it('hold each corruption and severity, whose classes all compete', async () => {
    await writeFolders(join(folder, 'snow', '2'), {
      'n01440764/ILSVRC2012_val_00000293.png': 10,
      'n02119789/ILSVRC2012_val_00000001.png': 20,
      'n02120079/ILSVRC2012_val_00000002.png': 30,
    })
    expect(await publishedCorruptions(folder, 'robustness.files')).toEqual(['snow'])
    const found = await openCorrupted(folder, 'snow', 2, synsets, 'train')
    expect([...found.labels]).toEqual([0, 1, 2])
    expect(found.ids[0]).toBe('n01440764/ILSVRC2012_val_00000293.png')
    expect(await written(found, [1, 0, 1])).toEqual([10, 30])
    await expect(openCorrupted(folder, 'snow', 4, synsets, 'train')).rejects.toThrow(
      /no pictures of snow at severity 4/,
    )
  })

  it('are refused without pictures, with unknown synsets and with damaged pictures', async () => {
    await expect(publishedCorruptions(folder, 'robustness.files')).rejects.toMatchObject({
      name: 'ConfigError',
      key: 'robustness.files',
    })
    await expect(publishedCorruptions(join(folder, 'none'), 'robustness.files')).rejects.toThrow(/no folder/)
    const place = join(folder, 'snow', '2')
    await writeFolders(place, { 'n09999999/a.png': 10 })
    await expect(openCorrupted(folder, 'snow', 2, synsets, 'train')).rejects.toThrow(
      /"n09999999" is none of the 3 classes/,
    )
    await rm(join(place, 'n09999999'), { recursive: true })
    await writeBytes(join(place, 'n01440764', 'a.png'), 'no picture')
    const found = await openCorrupted(folder, 'snow', 2, synsets, 'train')
    await expect(written(found, [1])).rejects.toMatchObject({ name: 'DataError' })
  })
})

describe('folders such as that of ImageNet-A', () => {
  it('have some of the classes, by the names that stand beside the data set', async () => {
    const names = 'n01440764 tench, Tinca tinca\nn02119789 kit fox\nn02120079 Arctic fox, white fox\n'
    const train = join(folder, 'train')
    await writeBytes(join(folder, 'LOC_synset_mapping.txt'), names)
    await writeFolders(train, { 'n01440764/x.png': 1 })
    const hard = join(folder, 'imagenet-a')
    await writeFolders(hard, { 'n02120079/0.png': 50, 'n01440764/1.png': 60, 'n01440764/2.png': 70 })
    const info = dataset(['tench', 'kit fox', 'Arctic fox'])
    const found = await openFolder(hard, info, train)
    expect(found.classes).toEqual([0, 2])
    expect([...found.labels].sort()).toEqual([0, 0, 2])
    await mkdir(join(folder, 'empty'))
    await expect(openFolder(join(folder, 'empty'), info, train)).rejects.toMatchObject({ name: 'DataError' })
  })

  it('change their fingerprint with a picture', async () => {
    await writeFolders(folder, { 'n01440764/1.png': 60 })
    const before = await publishedFingerprint(folder, 'robustness.natural[0]')
    expect(await publishedFingerprint(folder, 'robustness.natural[0]')).toBe(before)
    await writeFolders(folder, { 'n01440764/2.png': 60 })
    expect(await publishedFingerprint(folder, 'robustness.natural[0]')).not.toBe(before)
  })
})
