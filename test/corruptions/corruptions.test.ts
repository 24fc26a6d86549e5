import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { corrupt } from '../../src/corruptions/corruptions.js'
import { type CorruptionName, corruptionNames } from '../../src/corruptions/names.js'
import { severities } from '../../src/corruptions/severity.js'
import fixture from './fixtures/psnr.json' with { type: 'json' }

async function picture(label: string) {
  const path = fileURLToPath(new URL(`./fixtures/${label}.png`, import.meta.url))
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true })
  return { bytes: new Uint8Array(data), shape: info }
}

/** Pictures over which the noise, the angle or the texture is drawn anew. */
const draws = 12
/**
 * Half the width of the band in decibels: what so few draws leave, above all of the rare drops of spatter, and frost,
 * whose texture is not the published one.
 */
const band = (name: CorruptionName): number =>
  name === 'spatter'
    ? 3
    : name === 'frost'
      ? 2
      : ['snow', 'fog', 'elastic_transform', 'motion_blur'].includes(name)
        ? 1.5
        : 0.5

const published = fixture.psnr as Record<string, Partial<Record<CorruptionName, number[]>>>

describe('corrupt', () => {
  for (const label of Object.keys(published).filter(name => name.endsWith('-32'))) {
    it(`moves ${label} as far as the published corruptions do, at every severity`, async () => {
      const { bytes, shape } = await picture(label)
      for (const [name, figures] of Object.entries(published[label]) as [CorruptionName, number[]][]) {
        for (const [s, severity] of severities.entries()) {
          let error = 0
          for (let draw = 0; draw < draws; draw++) {
            const corrupted = await corrupt(bytes, shape, name, severity, 1, `draw ${draw}`)
            for (let i = 0; i < bytes.length; i++) error += ((corrupted[i] - bytes[i]) / 255) ** 2
          }
          const psnr = -10 * Math.log10(error / bytes.length / draws)
          expect(Math.abs(psnr - figures[s]), `${name} ${severity}: ${psnr}`).toBeLessThan(band(name))
        }
      }
    }, 120_000)
  }

  it('depends on seed and id alone, keeps the shape, and leaves its input as it was', async () => {
    const { bytes, shape } = await picture('scene-32')
    const before = bytes.slice()
    for (const name of corruptionNames) {
      const once = await corrupt(bytes, shape, name, 3, 1, 'a')
      expect(once.length).toBe(bytes.length)
      expect(await corrupt(bytes, shape, name, 3, 1, 'a'), name).toEqual(once)
    }
    expect(await corrupt(bytes, shape, 'gaussian_noise', 3, 1, 'b')).not.toEqual(
      await corrupt(bytes, shape, 'gaussian_noise', 3, 1, 'a'),
    )
    expect(bytes).toEqual(before)
  }, 60_000)

  it('takes pictures of any size, oblong ones and grey ones', async () => {
    for (const shape of [
      { height: 9, width: 12, channels: 1 },
      { height: 40, width: 25, channels: 3 },
    ]) {
      const bytes = Uint8Array.from(
        { length: shape.height * shape.width * shape.channels },
        (_, i) => (i * 37) % 256,
      )
      for (const name of corruptionNames) {
        for (const severity of [1, 5] as const) {
          const corrupted = await corrupt(bytes, shape, name, severity, 1, 'a')
          expect(corrupted.length, name).toBe(bytes.length)
        }
      }
    }
  }, 60_000)
})
