import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Spool } from '../../src/pipeline/spool.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-spool-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('Spool', () => {
  it('gives pieces back in any order, also between appends', async () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(pieces, fc.array(fc.nat()), async (pieces, order) => {
        const spool = await Spool.create(join(folder, 'pieces'))
        for (const [number, piece] of pieces.entries()) {
          expect(await spool.append(piece)).toBe(number)
          const earlier = order[number] === undefined ? number : order[number] % (number + 1)
          expect(await spool.read(earlier)).toEqual(pieces[earlier])
        }
        for (const wanted of order) {
          expect(await spool.read(wanted % pieces.length)).toEqual(pieces[wanted % pieces.length])
        }
        await spool.dispose()
      }),
      { numRuns: 30 },
    )
  })

  it('holds more than its buffer, and leaves nothing behind', async () => {
    const path = join(folder, 'pieces')
    const spool = await Spool.create(path)
    const piece = (number: number) => new Uint8Array(700_000).fill(number)
    for (let number = 0; number < 5; number++) await spool.append(piece(number))
    for (const number of [3, 0, 4]) expect(Buffer.compare(await spool.read(number), piece(number))).toBe(0)
    await spool.dispose()
    await expect(access(path)).rejects.toThrow('ENOENT')
  })
})
