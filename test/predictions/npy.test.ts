import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NpyFile } from '../../src/predictions/npy.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-npy-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** An array file as NumPy writes it, of format 1.0. */
async function npy(name: string, description: string, values: BigInt64Array | BigUint64Array | Int8Array) {
  const header = `{'descr': '${description}', 'fortran_order': False, 'shape': (${values.length},), }`
  const padded = `${header.padEnd(117)}\n`
  const path = join(folder, name)
  const magic = Uint8Array.of(0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length, 0)
  await writeFile(path, Buffer.concat([magic, Buffer.from(padded), new Uint8Array(values.buffer)]))
  return path
}

const numbersIn = async (path: string): Promise<number[]> => {
  const numbers: number[] = []
  for await (const block of (await NpyFile.open(path)).blocks(3)) numbers.push(...block)
  return numbers
}

test.each([
  [
    'signed',
    '<i8',
    BigInt64Array.of(0n, -1n, 7n, -(2n ** 32n), 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)),
  ],
  ['unsigned', '<u8', BigUint64Array.of(0n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n + 3n, 2n ** 64n - 1n)],
])('%s integers of 64 bits are the nearest numbers', async (name, description, values) => {
  expect(await numbersIn(await npy(`${name}.npy`, description, values))).toEqual(Array.from(values, Number))
})

test('small integers keep their sign', async () => {
  expect(await numbersIn(await npy('small.npy', '|i1', Int8Array.of(-128, -1, 0, 127)))).toEqual([
    -128, -1, 0, 127,
  ])
})
