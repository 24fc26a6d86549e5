/** Which examples each step sees, and how they lie: all of it follows from the seed. */
import type { StepInputs } from '../engine/engine.js'
import { permutation, randomStream, type Seed } from '../random.js'
import type { TrainingPlan } from './plan.js'

/** What one epoch's slots see, [stepsPerEpoch · batchSize]. */
interface Epoch {
  readonly index: number
  readonly examples: Int32Array
  readonly shifts: Int32Array | undefined
  readonly flips: Uint8Array | undefined
}

/** Deals the member's rows into batches, epoch by epoch; what does not fill a batch waits for the next epoch's order. */
export class Batches {
  readonly #rows: Int32Array
  readonly #plan: TrainingPlan
  readonly #seed: Seed
  #current: Epoch | undefined

  /** @param rows of the training set on which the member trains. */
  constructor(rows: Int32Array, plan: TrainingPlan, seed: Seed) {
    this.#rows = rows
    this.#plan = plan
    this.#seed = seed
  }

  /** What the engine needs for the steps from `start` up to `end`. */
  steps(start: number, end: number): StepInputs {
    const { stepsPerEpoch, learningRates, trainer } = this.#plan
    const { batchSize } = trainer
    const steps = end - start
    const slots = steps * batchSize
    const examples = new Int32Array(slots)
    const shifts = trainer.maxShift > 0 ? new Int32Array(2 * slots) : undefined
    const flips = trainer.flips ? new Uint8Array(slots) : undefined
    for (let step = start; step < end; step++) {
      const epoch = this.#epoch(Math.floor(step / stepsPerEpoch))
      const from = (step % stepsPerEpoch) * batchSize
      const to = (step - start) * batchSize
      examples.set(epoch.examples.subarray(from, from + batchSize), to)
      shifts?.set(epoch.shifts!.subarray(2 * from, 2 * (from + batchSize)), 2 * to)
      flips?.set(epoch.flips!.subarray(from, from + batchSize), to)
    }
    return {
      steps,
      examples,
      learningRates: learningRates.slice(start, end),
      ...(shifts && { shifts }),
      ...(flips && { flips }),
      dropoutSeed: randomStream(...this.#seed, 'dropout', start).integer(2 ** 31),
    }
  }

  #epoch(index: number): Epoch {
    if (this.#current?.index === index) return this.#current
    const { stepsPerEpoch, trainer } = this.#plan
    const slots = stepsPerEpoch * trainer.batchSize
    const order = permutation(this.#rows.length, randomStream(...this.#seed, 'order', index)).subarray(
      0,
      slots,
    )
    this.#current = {
      index,
      examples: order.map(position => this.#rows[position]!),
      shifts: trainer.maxShift > 0 ? this.#shifts(index, slots) : undefined,
      flips: trainer.flips ? this.#flips(index, order) : undefined,
    }
    return this.#current
  }

  #shifts(epoch: number, slots: number): Int32Array {
    const { maxShift } = this.#plan.trainer
    const random = randomStream(...this.#seed, 'shifts', epoch)
    return Int32Array.from({ length: 2 * slots }, () => random.integer(2 * maxShift + 1) - maxShift)
  }

  /**
   * Alternating flips show each picture mirrored in every second epoch, in one half of the pictures those of even
   * and in the other those of odd number (Jordan 2024, arXiv 2404.00498, section 3.6).
   */
  #flips(epoch: number, order: Int32Array): Uint8Array {
    const alternating = this.#plan.flip === 'alternating'
    const random = randomStream(...this.#seed, 'flips', alternating ? 0 : epoch)
    const coins = Uint8Array.from({ length: this.#rows.length }, () => random.integer(2))
    const parity = alternating ? epoch % 2 : 0
    return Uint8Array.from(order, position => coins[position]! ^ parity)
  }
}
