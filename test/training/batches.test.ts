import { describe, expect, it } from 'vitest'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { Batches } from '../../src/training/batches.js'
import { planTraining } from '../../src/training/plan.js'

const rows = Int32Array.from({ length: 50 }, (_, i) => 3 * i + 1)

function deal(model: object, seed = 1) {
  const pipeline = pipelineSchema.parse({
    name: 'test',
    dataset: { path: 'data' },
    model: { batchSize: 8, epochs: 4, ...model },
  })
  const plan = planTraining(pipeline.model, rows.length)
  return { plan, batches: new Batches(rows, plan, [seed]) }
}

describe('Batches', () => {
  it('shows every row at most once an epoch, and only rows of the member', () => {
    const { plan, batches } = deal({})
    for (let epoch = 0; epoch < 4; epoch++) {
      const { examples } = batches.steps(epoch * plan.stepsPerEpoch, (epoch + 1) * plan.stepsPerEpoch)
      expect(new Set(examples).size).toBe(48)
      expect([...examples].every(example => rows.includes(example))).toBe(true)
    }
  })

  it('leaves out other rows in other epochs', () => {
    const { plan, batches } = deal({})
    const left = [0, 1, 2, 3].map(epoch => {
      const seen = batches.steps(epoch * plan.stepsPerEpoch, (epoch + 1) * plan.stepsPerEpoch).examples
      return [...rows].filter(row => !seen.includes(row)).join()
    })
    expect(new Set(left).size).toBeGreaterThan(1)
  })

  it('deals the same however the steps are asked for', () => {
    const model = { flip: 'random', shift: 2 }
    const whole = deal(model).batches.steps(0, 20)
    const parts = [deal(model).batches.steps(0, 10), deal(model).batches.steps(10, 20)]
    for (const name of ['examples', 'shifts', 'flips', 'learningRates'] as const) {
      expect(parts.flatMap(part => [...part[name]!])).toEqual([...whole[name]!])
    }
  })

  it('flips alternately: what was mirrored is not in the next epoch', () => {
    const { plan, batches } = deal({ flip: 'alternating' })
    const flipped = (epoch: number) => {
      const { examples, flips } = batches.steps(epoch * plan.stepsPerEpoch, (epoch + 1) * plan.stepsPerEpoch)
      return new Map([...examples].map((example, slot) => [example, flips![slot]]))
    }
    const [first, second, third] = [flipped(0), flipped(1), flipped(2)]
    expect(new Set(first.values())).toEqual(new Set([0, 1]))
    for (const [example, flip] of second) {
      if (first.has(example)) expect(flip).toBe(1 - first.get(example)!)
      if (third.has(example)) expect(flip).toBe(1 - third.get(example)!)
    }
  })

  it('shifts within the bounds, each way', () => {
    const { shifts } = deal({ shift: 2 }).batches.steps(0, 20)
    expect([Math.min(...shifts!), Math.max(...shifts!)]).toEqual([-2, 2])
  })

  it('gives other orders for other seeds', () => {
    expect(deal({}, 1).batches.steps(0, 5).examples).not.toEqual(deal({}, 2).batches.steps(0, 5).examples)
  })
})
