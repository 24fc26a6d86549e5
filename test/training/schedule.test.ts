import { describe, expect, it } from 'vitest'
import { chunkSteps } from '../../src/training/plan.js'
import {
  learningRates,
  lookaheadShare,
  lookaheadSteps,
  type ScheduleOptions,
} from '../../src/training/schedule.js'

const rates = (options: Partial<ScheduleOptions>) =>
  learningRates({
    schedule: 'constant',
    peak: 1,
    steps: 100,
    warmupSteps: 0,
    stepAt: [0.5, 0.75],
    stepFactor: 0.1,
    ...options,
  })

describe('lookaheadShare', () => {
  it('keeps nearly all of the way at first, and 1 − 0.95⁵ of it at the end', () => {
    expect(lookaheadShare(0, 100)).toBe(1)
    expect(lookaheadShare(50, 100)).toBeCloseTo(1 - 0.7737809375 / 8, 12)
    expect(lookaheadShare(100, 100)).toBeCloseTo(0.2262190625, 12)
  })

  it('is due where training may be cut', () => {
    expect(chunkSteps % lookaheadSteps).toBe(0)
  })
})

describe('learningRates', () => {
  it('rises linearly in the warm-up and reaches the peak after it', () => {
    const warm = rates({ warmupSteps: 4 })
    expect([...warm.slice(0, 5)].map(rate => rate.toFixed(3))).toEqual([
      '0.200',
      '0.400',
      '0.600',
      '0.800',
      '1.000',
    ])
  })

  it('falls by cosine from the peak to almost zero, half way down in the middle', () => {
    const cosine = rates({ schedule: 'cosine', peak: 0.4 })
    expect(cosine[0]).toBeCloseTo(0.4, 6)
    expect(cosine[50]).toBeCloseTo(0.2, 6)
    expect(cosine[99]).toBeLessThan(0.001)
  })

  it('falls in steps at the shares asked for', () => {
    const steps = rates({ schedule: 'step' })
    expect([steps[49], steps[50], steps[74], steps[75]].map(rate => rate!.toPrecision(2))).toEqual([
      '1.0',
      '0.10',
      '0.10',
      '0.010',
    ])
  })

  it('goes up to 23 % of training and down from there', () => {
    const triangle = rates({ schedule: 'triangular' })
    expect(triangle[0]).toBeCloseTo(0.2, 6)
    expect(triangle.indexOf(Math.max(...triangle))).toBe(23)
    expect(triangle[99]).toBeCloseTo(0.07 + 0.93 / 77, 2)
  })
})
