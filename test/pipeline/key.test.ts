import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson, keyOf } from '../../src/pipeline/key.js'

test('equal values have equal text whatever the order of their keys', () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed)
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, member]) => [name, reversed(member)]),
    )
  }
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
      expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('different values have different keys', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b))
      const same =
        canonicalJson(JSON.parse(JSON.stringify(a))) === canonicalJson(JSON.parse(JSON.stringify(b)))
      expect(keyOf(a) === keyOf(b)).toBe(same)
    }),
  )
  expect(keyOf({ a: 1 })).not.toBe(keyOf({ a: '1' }))
  expect(keyOf([1, 2])).not.toBe(keyOf([2, 1]))
})

test('a key that is undefined is the same as none', () => {
  expect(keyOf({ a: 1, b: undefined })).toBe(keyOf({ a: 1 }))
})

test('keys stay what they are from one version to the next', () => {
  expect(keyOf({ b: [1, 'x', null, true], a: { d: 0.5, c: 'é' } })).toMatchInlineSnapshot(
    `"8deed1ede55bd4a3e8adfc87b76df850d76c210092cfcf5b8c63be6554dcf8bf"`,
  )
})

test.each([
  [Number.NaN, 'number NaN'],
  [Number.POSITIVE_INFINITY, 'number Infinity'],
  [1n, 'bigint 1'],
  [new Float32Array(2), 'Float32Array'],
  [new Map(), 'Map'],
  [[undefined], 'undefined undefined'],
])('refuses what JSON cannot hold exactly: %s', (value, kind) => {
  expect(() => keyOf({ value })).toThrow(`a key cannot be made of ${kind}`)
})
