import fc from 'fast-check'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { float16Bits, float16Value, fromFloat16, toFloat16 } from '../../src/onnx/float16.js'
import { GraphBuilder } from '../../src/onnx/graph.js'
import { dataTypeOf } from '../../src/onnx/model.js'

test('every half comes back from its value', () => {
  const halves = Uint16Array.from({ length: 0x10000 }, (_, half) => half)
  const isNotANumber = (half: number) => (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0
  expect(halves.filter(half => Number.isNaN(float16Value(half)))).toEqual(halves.filter(isNotANumber))
  const numbers = halves.filter(half => !isNotANumber(half))
  expect(toFloat16(fromFloat16(numbers))).toEqual(numbers)
})

test('the nearest half is taken, the even one on a tie', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true, min: -65519, max: 65519 }), value => {
      const half = float16Bits(value)
      const distance = Math.abs(float16Value(half) - value)
      for (const neighbour of [half - 1, half + 1]) {
        if ((neighbour & 0x7fff) > 0x7bff || neighbour < 0) continue
        const other = Math.abs(float16Value(neighbour) - value)
        expect(distance).toBeLessThanOrEqual(other)
        if (other === distance && distance > 0) expect(half % 2).toBe(0)
      }
    }),
    { numRuns: 5000 },
  )
})

test('the ends of the range', () => {
  expect(float16Bits(65519.99)).toBe(0x7bff)
  expect(float16Bits(65520)).toBe(0x7c00)
  expect(float16Bits(Number.NEGATIVE_INFINITY)).toBe(0xfc00)
  expect(float16Bits(2 ** -25)).toBe(0)
  expect(float16Bits(1.0001 * 2 ** -25)).toBe(1)
  expect(float16Bits(-0)).toBe(0x8000)
})

test('agrees with the Cast of ONNX Runtime', async () => {
  const graph = new GraphBuilder()
  graph.input('x', 'float32', ['N'])
  graph.node('Cast', ['x'], { to: dataTypeOf('float16') }, 'half')
  graph.node('Cast', ['half'], { to: dataTypeOf('float32') }, 'widened')
  graph.output('widened', 'float32', ['N'])
  // Without optimization, which would take the two casts for nothing.
  const session = await InferenceSession.create(graph.encode('cast'), { graphOptimizationLevel: 'disabled' })
  const bits = Uint32Array.from({ length: 50_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 0)
  const values = new Float32Array(bits.buffer).filter(value => !Number.isNaN(value))
  const { widened } = await session.run({ x: new Tensor('float32', values, [values.length]) })
  expect(fromFloat16(toFloat16(values))).toEqual(widened.data)
  await session.release()
})
