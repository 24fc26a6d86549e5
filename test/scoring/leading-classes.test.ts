import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mostRivals, takeProbabilities, unknownClasses } from '../../src/scoring/leading-classes.js'

const classes = 24
/** Steps of a fortieth, so that many are equal. */
const row = fc.array(fc.nat(40), { minLength: classes, maxLength: classes })
const rows = fc.array(fc.tuple(row, fc.nat(classes - 1)), { minLength: 1, maxLength: 4 })

test('the given class, the likeliest others and the rest are the whole row, whatever it sums to', () => {
  fc.assert(
    fc.property(rows, drawn => {
      fc.pre(drawn.every(([weights]) => weights.some(weight => weight > 0)))
      const leading = unknownClasses(
        Int32Array.from(drawn, ([, given]) => given),
        classes,
      )
      takeProbabilities(leading, 0, Float64Array.from(drawn.flatMap(([weights]) => weights)))
      for (const [i, [weights, given]] of drawn.entries()) {
        const sum = weights.reduce((all, weight) => all + weight)
        const others = [...weights.entries()]
          .filter(([t]) => t !== given)
          .sort(([s, a], [t, b]) => b - a || s - t)
        expect(leading.givenP[i]).toBe(Math.fround(weights[given] / sum))
        const places = Array.from({ length: mostRivals }, (_, k) => i * mostRivals + k)
        expect(places.map(at => leading.rival[at])).toEqual(others.slice(0, mostRivals).map(([t]) => t))
        for (const [k, at] of places.entries()) expect(leading.rivalP[at]).toBeCloseTo(others[k][1] / sum, 6)
        const rest = others.slice(mostRivals).map(([, weight]) => weight / sum)
        expect(leading.restP[i]).toBeCloseTo(
          rest.reduce((all, p) => all + p, 0),
          6,
        )
        expect(leading.restSquares[i]).toBeCloseTo(
          rest.reduce((all, p) => all + p * p, 0),
          6,
        )
      }
    }),
  )
})

test('examples that nobody judged stay unknown', () => {
  const leading = unknownClasses(Int32Array.of(1, 0), 2)
  takeProbabilities(leading, 0, Float32Array.of(Number.NaN, Number.NaN, 0.5, 1.5))
  expect([...leading.givenP]).toEqual([Number.NaN, 0.25])
  expect([...leading.rivalP]).toEqual([Number.NaN, 0.75])
})
