import { expect } from 'vitest'

/** Equal to a reference figure within 1e-9 or another tolerance, relative to its size; null in a fixture means NaN. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number | null>,
  tolerance = 1e-9,
): void {
  expect(actual.length).toBe(expected.length)
  for (let i = 0; i < expected.length; i++) {
    const reference = expected[i] ?? Number.NaN
    if (Number.isNaN(reference)) expect(actual[i]).toBeNaN()
    else
      expect(Math.abs(actual[i] - reference)).toBeLessThanOrEqual(
        tolerance * Math.max(1e-12, Math.abs(reference)),
      )
  }
}
