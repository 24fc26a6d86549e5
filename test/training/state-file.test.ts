import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DataError } from '../../src/errors.js'
import { decodeState, encodeState } from '../../src/training/state-file.js'

const weight = fc
  .tuple(
    fc.string({ minLength: 1, maxLength: 8 }),
    fc.float32Array({ minLength: 1, maxLength: 9, noNaN: true }),
  )
  .map(([name, data]) => ({ name: `w/${name}é`, shape: [data.length], data }))
const state = fc.record({
  weights: fc.uniqueArray(weight, { selector: ({ name }) => name, maxLength: 4 }),
  momenta: fc.uniqueArray(weight, { selector: ({ name }) => name, maxLength: 4 }),
})

it('reads back what it wrote, bit for bit', () => {
  fc.assert(
    fc.property(state, value => {
      expect(decodeState(encodeState(value))).toEqual(value)
    }),
  )
})

it('reads a Buffer that lies anywhere in memory', () => {
  const value = { weights: [{ name: 'w', shape: [3], data: Float32Array.of(1, -2, 3) }], momenta: [] }
  const bytes = encodeState(value)
  const within = Buffer.concat([Buffer.alloc(13, 7), bytes]).subarray(13)
  expect(decodeState(within)).toEqual(value)
})

it('refuses what is no state', () => {
  const bytes = encodeState({
    weights: [{ name: 'w', shape: [2], data: Float32Array.of(1, 2) }],
    momenta: [],
  })
  expect(() => decodeState(bytes.subarray(0, 12))).toThrow(DataError)
  expect(() => decodeState(bytes.subarray(0, bytes.length - 3))).toThrow(DataError)
  expect(() => decodeState(new Uint8Array(4))).toThrow(DataError)
})
