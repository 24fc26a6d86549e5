import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nearestNeighbors } from '../../src/engine/onnxruntime/nearest-neighbors.js'
import { writeNpy } from '../../src/pipeline/files.js'
import { randomStream } from '../../src/random.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-neighbors-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Rows of length 1 around some centres. */
function clustered(rows: number, size: number, centres: number): Float32Array {
  const random = randomStream('neighbors', rows)
  const middle = Float32Array.from({ length: centres * size }, () => random.normal())
  const data = new Float32Array(rows * size)
  for (let row = 0; row < rows; row++) {
    const centre = random.integer(centres)
    let length = 0
    for (let i = 0; i < size; i++) {
      const value = middle[centre * size + i]! + 0.5 * random.normal()
      data[row * size + i] = value
      length += value * value
    }
    for (let i = 0; i < size; i++) data[row * size + i]! /= Math.sqrt(length)
  }
  return data
}

async function write(data: Float32Array, size: number): Promise<string> {
  const path = join(folder, 'features.npy')
  await writeNpy(path, { dtype: 'float32', shape: [size] }, [data])
  return path
}

const options = (overrides: object = {}) => ({
  neighbors: 10,
  workers: 2,
  seed: ['test'],
  scratch: join(folder, 'scratch'),
  signal: new AbortController().signal,
  ...overrides,
})

/** Cosine of each row to another in double precision. */
function cosine(data: Float32Array, size: number, a: number, b: number): number {
  let sum = 0
  for (let i = 0; i < size; i++) sum += data[a * size + i]! * data[b * size + i]!
  return sum
}

describe('nearest neighbours', () => {
  it('are those of comparing every pair, in any number of blocks and workers', async () => {
    const [rows, size] = [4500, 8]
    const data = clustered(rows, size, 12)
    const path = await write(data, size)
    const found = await nearestNeighbors(path, options())
    expect(found).toMatchObject({ count: 10, recall: 1 })
    for (const row of [0, 17, 2047, 2048, 4095, 4096, 4499]) {
      const truth = Array.from({ length: rows }, (_, other) => cosine(data, size, row, other))
      const order = truth.map((_, other) => other).filter(other => other !== row)
      order.sort((a, b) => truth[b]! - truth[a]!)
      const mine = found.indices.subarray(row * 10, row * 10 + 10)
      expect(mine).not.toContain(row)
      expect(new Set(mine).size).toBe(10)
      for (const [i, other] of mine.entries()) {
        expect(Math.abs(found.similarities[row * 10 + i]! - truth[other]!)).toBeLessThan(1e-6)
        expect(Math.abs(truth[other]! - truth[order[i]!]!)).toBeLessThan(1e-6)
      }
    }
    expect(await nearestNeighbors(path, options({ workers: 1 }))).toEqual(found)
  })

  it('leave a row out of its own, however many are equal to it, lower rows first', async () => {
    const data = new Float32Array(20 * 2).map((_, i) => (i % 2 === 0 ? 1 : 0))
    const found = await nearestNeighbors(await write(data, 2), options({ neighbors: 3 }))
    expect([...found.indices.subarray(0, 3)]).toEqual([1, 2, 3])
    expect([...found.indices.subarray(3, 6)]).toEqual([0, 2, 3])
    expect([...found.indices.subarray(57)]).toEqual([0, 1, 2])
  })

  it('are all others where there are fewer than asked for', async () => {
    const found = await nearestNeighbors(await write(clustered(4, 3, 2), 3), options())
    expect(found.count).toBe(3)
    for (let row = 0; row < 4; row++) {
      const others = [...found.indices.subarray(row * 3, row * 3 + 3)].sort()
      expect(others).toEqual([0, 1, 2, 3].filter(other => other !== row))
    }
  })

  it('are found in lists where there are many rows, with the recall that is told', async () => {
    const [rows, size] = [3000, 16]
    const path = await write(clustered(rows, size, 60), size)
    const exact = await nearestNeighbors(path, options())
    const listed = await nearestNeighbors(path, options({ exactUpTo: 1000 }))
    let hits = 0
    for (let row = 0; row < rows; row++) {
      const truth = new Set(exact.indices.subarray(row * 10, row * 10 + 10))
      for (const other of listed.indices.subarray(row * 10, row * 10 + 10)) if (truth.has(other)) hits++
    }
    const recall = hits / (rows * 10)
    expect(recall).toBeGreaterThan(0.9)
    expect(Math.abs(listed.recall - recall)).toBeLessThan(0.02)
    expect(await nearestNeighbors(path, options({ exactUpTo: 1000, workers: 1 }))).toEqual(listed)
    expect(existsSync(join(folder, 'scratch'))).toBe(false)
  })

  it('stop when asked to', async () => {
    const controller = new AbortController()
    controller.abort(new Error('enough'))
    const path = await write(clustered(100, 3, 2), 3)
    await expect(nearestNeighbors(path, options({ signal: controller.signal }))).rejects.toThrow('enough')
  })
})
