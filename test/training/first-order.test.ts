import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Trainer } from '../../src/engine/engine.js'
import { RunError } from '../../src/errors.js'
import { type FirstOrder, groupsOf, holdOut, saliencies } from '../../src/training/first-order.js'

const classes = 3
const examples = 60
/** Two thirds are of class 0. */
const labels = Int32Array.from({ length: examples }, (_, row) => Math.max(0, (row % 6) - 3))
const rows = Int32Array.from({ length: examples - 10 }, (_, at) => at + 5)
const side = 8
const data = {
  inputs: Uint8Array.from({ length: examples * side * side }, (_, at) => (at * 7919) % 251),
  examples,
  labels,
}
const architecture = {
  name: 'test',
  input: { kind: 'image', height: side, width: side, channels: 1 } as const,
  normalization: { mean: new Float32Array(1), deviation: new Float32Array(1) },
  classes,
  layers: [],
}

describe('holdOut', () => {
  it('splits the member’s rows, the same way for the same seed', () => {
    const preserved = fc.constantFrom<FirstOrder['preserve']>('loss', 'class-balance', 'corrupted')
    fc.assert(
      fc.property(preserved, fc.integer({ min: 1, max: 25 }), fc.nat(), (preserve, count, seed) => {
        const split = () => holdOut({ preserve, examples: count }, rows, labels, classes, [seed])
        const { rows: left, heldOut } = split()
        expect([...left, ...heldOut].sort((a, b) => a - b)).toEqual([...rows])
        expect(left).toEqual(left.slice().sort())
        if (preserve !== 'class-balance') expect(heldOut.length).toBe(count)
        expect(split()).toEqual({ rows: left, heldOut })
      }),
    )
  })

  it('takes as many of every class for their balance, as far as there are', () => {
    const { heldOut } = holdOut({ preserve: 'class-balance', examples: 12 }, rows, labels, classes, [1])
    expect([0, 1, 2].map(c => heldOut.filter(row => labels[row] === c).length)).toEqual([4, 4, 4])
  })

  it('refuses to hold out more than half', () => {
    const split = () => holdOut({ preserve: 'loss', examples: 26 }, rows, labels, classes, [1])
    expect(split).toThrow(RunError)
    expect(split).toThrow('26 examples cannot be held out of 50')
  })
})

describe('groupsOf', () => {
  const heldOut = Int32Array.from({ length: 30 }, (_, at) => at + 10)

  it('are the classes for their balance, and mixed for the loss', async () => {
    const balance = await groupsOf({ preserve: 'class-balance', examples: 30 }, heldOut, data, architecture)
    expect(balance.map(group => [...new Set(group.labels)])).toEqual([[0], [1], [2]])
    const loss = await groupsOf({ preserve: 'loss', examples: 30 }, heldOut, data, architecture)
    expect(loss.map(group => group.labels.length)).toEqual([10, 10, 10])
    const second = loss[1]!
    expect(second.inputs.subarray(0, 64)).toEqual(data.inputs.subarray(11 * 64, 12 * 64))
    expect(second.labels[0]).toBe(labels[11])
  })

  it('are the kinds of corruption, and no picture is as it was', async () => {
    const groups = await groupsOf({ preserve: 'corrupted', examples: 30 }, heldOut, data, architecture)
    // Of 15 corruptions 3 are noise, 4 blur, 4 weather and 4 digital.
    expect(groups.map(group => group.labels.length)).toEqual([6, 8, 8, 8])
    const originals = new Set(
      [...heldOut].map(row => Buffer.from(data.inputs.subarray(row * 64, row * 64 + 64)).toString('hex')),
    )
    for (const { inputs, labels: own } of groups) {
      for (let at = 0; at < own.length; at++) {
        const picture = Buffer.from(inputs.subarray(at * 64, at * 64 + 64)).toString('hex')
        expect(originals.has(picture)).toBe(false)
      }
    }
  })
})

describe('saliencies', () => {
  /** A network whose gradients are given; real ones are held to finite differences beside the engines. */
  const trainer = (gradients: readonly (readonly number[])[]): Trainer => {
    let call = 0
    return {
      state: async () => ({
        weights: [
          { name: 'kernel', shape: [4], data: Float32Array.of(1, 2, -1, 3) },
          { name: 'bias', shape: [1], data: Float32Array.of(5) },
        ],
        momenta: [],
      }),
      gradients: async () => ({
        loss: 0,
        kernels: new Map([['kernel', Float32Array.from(gradients[call++ % gradients.length]!)]]),
      }),
    } as unknown as Trainer
  }
  const group = { inputs: new Uint8Array(1), labels: new Int32Array(1) }

  it('are the root mean square over groups of gradient × weight', async () => {
    const opposed = [
      [1, 0.5, 0, 1],
      [-1, 0.5, 0, 0],
    ]
    const [kernel, ...others] = await saliencies(trainer(opposed), [group, group], new Map())
    expect(others).toEqual([])
    // The first weight moves nothing on average and two groups apart: it counts as much as the second.
    expect(kernel!.data[0]).toBeCloseTo(1)
    expect(kernel!.data[1]).toBeCloseTo(1)
    expect(kernel!.data[2]).toBe(2 ** -126)
    expect(kernel!.data[3]).toBeCloseTo(3 / Math.SQRT2)
  })

  it('are least for what is gone, so that it stays gone', async () => {
    const masks = new Map([['kernel', Float32Array.of(0, 1, 1, 1)]])
    const [kernel] = await saliencies(trainer([[9, 1, 0, 1]]), [group], masks)
    expect(kernel!.data[0]).toBe(0)
    expect(Math.min(...kernel!.data.subarray(1))).toBeGreaterThan(0)
  })
})
