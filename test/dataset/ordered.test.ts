import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mapOrdered } from '../../src/dataset/ordered.js'

const pause = () => new Promise(resolve => setImmediate(resolve))

test('keeps the order, never has more in the making than it may, and does not run ahead', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 }),
      fc.integer({ min: 1, max: 6 }),
      async (delays, concurrency) => {
        let started = 0
        let given = 0
        let running = 0
        const results: number[] = []
        const mapped = mapOrdered(delays.entries(), concurrency, async ([index, delay]) => {
          started++
          running++
          expect(running).toBeLessThanOrEqual(concurrency)
          for (let i = 0; i < delay; i++) await pause()
          running--
          return index
        })
        for await (const result of mapped) {
          results.push(result)
          given++
          expect(started - given).toBeLessThan(concurrency)
        }
        expect(results).toEqual([...delays.keys()])
      },
    ),
    { numRuns: 30 },
  )
})

test('gives out everything before an error, and nothing after it', async () => {
  const results: number[] = []
  const mapped = mapOrdered([3, 0, 1, 0], 4, async delay => {
    for (let i = 0; i < delay; i++) await pause()
    if (delay === 1) throw new Error('the third')
    return delay
  })
  await expect(async () => {
    for await (const result of mapped) results.push(result)
  }).rejects.toThrow('the third')
  expect(results).toEqual([3, 0])
})
