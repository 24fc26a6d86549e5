import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { augment, reflect } from '../../src/engine/augmentation.js'

const strip = (bytes: number[], right: number, flip: boolean): number[] => {
  const out = new Uint8Array(bytes.length)
  augment(Uint8Array.from(bytes), 1, bytes.length, 1, 0, right, flip, out)
  return [...out]
}

describe('augment', () => {
  it('fills the edge by reflection without repeating the border', () => {
    expect(strip([1, 2, 3, 4], 2, false)).toEqual([3, 2, 1, 2])
    expect(strip([1, 2, 3, 4], -2, false)).toEqual([3, 4, 3, 2])
  })

  it('mirrors first, then moves', () => {
    expect(strip([1, 2, 3, 4], 0, true)).toEqual([4, 3, 2, 1])
    expect(strip([1, 2, 3, 4], 1, true)).toEqual([3, 4, 3, 2])
  })

  it('moves down by rows and keeps the channels of a pixel together', () => {
    const image = Uint8Array.from([1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60])
    const out = new Uint8Array(12)
    augment(image, 3, 2, 2, 1, 0, false, out)
    expect([...out]).toEqual([3, 30, 4, 40, 1, 10, 2, 20, 3, 30, 4, 40])
  })

  it('moves the inside of the picture and takes every pixel from it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: -9, max: 9 }),
        fc.integer({ min: -9, max: 9 }),
        fc.boolean(),
        (height, width, down, right, flip) => {
          const image = Uint8Array.from({ length: height * width }, (_, index) => index + 1)
          const out = new Uint8Array(height * width)
          augment(image, height, width, 1, down, right, flip, out)
          for (let y = 0; y < height; y++) {
            for (let x = 0; x < width; x++) {
              const value = out[y * width + x]
              expect(value).toBeGreaterThan(0)
              const [fromY, fromX] = [y - down, x - right]
              if (fromY < 0 || fromY >= height || fromX < 0 || fromX >= width) continue
              expect(value).toBe(image[fromY * width + (flip ? width - 1 - fromX : fromX)])
            }
          }
        },
      ),
    )
  })
})

describe('reflect', () => {
  it('has period 2 (n − 1) and is even about both borders', () => {
    fc.assert(
      fc.property(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 2, max: 9 }), (position, length) => {
        expect(reflect(position, length)).toBe(reflect(-position, length))
        expect(reflect(length - 1 + position, length)).toBe(reflect(length - 1 - position, length))
        expect(reflect(position + 2 * (length - 1), length)).toBe(reflect(position, length))
      }),
    )
  })

  it('knows a single row', () => expect(reflect(-3, 1)).toBe(0))
})
