/** A few seeded mutations of every format; `npm run bench:fuzz` tries a thousand and more of each. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { randomStream } from '../../src/random.js'
import { tryCase } from './case.js'
import { formats } from './formats.js'
import { mutate, mutations } from './mutations.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-fuzz-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('the same number is the same damage, and all kinds of it come up', () => {
  const bytes = Buffer.from('{"width": 12, "height": 7}'.repeat(20))
  const seen = new Set<string>()
  for (let number = 0; number < 100; number++) {
    const [first, second] = [0, 1].map(() => mutate(bytes, randomStream('test', number)))
    expect(first).toEqual(second)
    for (const name of first.damage.split(', ')) seen.add(name)
  }
  expect([...seen].sort()).toEqual(Object.keys(mutations).sort())
})

describe('damaged files are read right or refused clearly', () => {
  test.each(formats.map(format => [format.name, format] as const))('%s', async (_, format) => {
    const samples = await format.samples(folder)
    for (const sample of samples) await sample.read()
    for (let number = 0; number < 3; number++) {
      const { outcome, damage, reason } = await tryCase(format, samples, 0, number)
      expect(outcome, `number ${number}, ${damage}: ${reason}`).not.toBe('failed')
    }
  })
})
