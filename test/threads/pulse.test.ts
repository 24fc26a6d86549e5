import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { beat, createPulse, type Patience, watchPulse } from '../../src/threads/pulse.js'

/** The silences that were told within so many milliseconds, with a sign of life after each of these. */
async function watched(patience: Patience, pauses: readonly number[], then: number): Promise<number[]> {
  const told: number[] = []
  const pulse = createPulse()
  const end = watchPulse(pulse, patience, silence => told.push(silence))
  for (const pause of pauses) {
    await wait(pause)
    beat(pulse)
  }
  await wait(then)
  end()
  return told
}

test('silence is told once; before the second sign of life it is borne for longer', async () => {
  const patience = { first: 1000, least: 200 }
  expect(await watched(patience, [0], 600)).toEqual([])
  const [silence, ...others] = await watched(patience, [0, 0], 800)
  expect(silence).toBeGreaterThan(200)
  expect(others).toEqual([])
})

test('whoever was slow so far may be slow again', async () => {
  // Twenty times as long as the longest silence: 20 × 100 ms.
  expect(await watched({ first: 5000, least: 200 }, [0, 100, 100], 1000)).toEqual([])
})

test('time in which the process itself stands still is no silence of its threads', async () => {
  const told: number[] = []
  const end = watchPulse(createPulse(), { first: 600, least: 600 }, silence => told.push(silence))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1200)
  await wait(100)
  expect(told).toEqual([])
  end()
})
