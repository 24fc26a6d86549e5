import { describe, expect, it } from 'vitest'
import { recommendModel, recommendPopulation } from '../../src/pipeline/recommend.js'

const photographs = { kind: 'image', height: 32, width: 32, channels: 3 } as const
const scans = { kind: 'image', height: 28, width: 28, channels: 1 } as const
const table = { kind: 'features', features: 8 } as const

const populationFor = (
  input: typeof photographs | typeof scans | typeof table,
  train: number,
  heldOut: number,
  smallestClass = 100,
) => recommendPopulation(recommendModel(input, train), input, { heldOut, smallestClass })

describe('the population that init writes', () => {
  it('lets every member learn and judge everything where photographs are trained on briefly', () => {
    expect(populationFor(photographs, 20_000, 4000)).toEqual({ seeds: 5, crossFit: 0 })
  })

  it('leaves folds out where training is long, nothing is held out, or nobody has measured it', () => {
    const crossFit = { seeds: 5, crossFit: 5 }
    expect(populationFor(photographs, 1000, 4000)).toEqual(crossFit)
    expect(populationFor(photographs, 20_000, 499)).toEqual(crossFit)
    expect(populationFor(scans, 20_000, 4000)).toEqual(crossFit)
    expect(populationFor(table, 20_000, 4000)).toEqual(crossFit)
  })

  it('has no more folds than the rarest class has examples', () => {
    expect(populationFor(table, 1000, 0, 3)).toEqual({ seeds: 3, crossFit: 3 })
    expect(populationFor(table, 1000, 0, 1)).toEqual({ seeds: 2, crossFit: 2 })
  })
})
