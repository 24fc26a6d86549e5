import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { thumbnail } from '../../src/report/thumbnail.js'

function decode(uri: string): { type: string; bytes: Buffer } {
  const [, type, base64] = /^data:([^;]+);base64,(.*)$/.exec(uri)!
  return { type: type!, bytes: Buffer.from(base64!, 'base64') }
}

/** Noise, which no codec makes small. */
function noise(width: number, height: number) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 2654435761) >>> 24)
  return sharp(data, { raw: { width, height, channels: 3 } })
}

describe('thumbnail', () => {
  it('leaves small pictures pixel for pixel', async () => {
    const png = await noise(28, 28).png().toBuffer()
    expect(decode(await thumbnail(png))).toEqual({ type: 'image/png', bytes: png })
    const jpeg = await noise(28, 28).jpeg().toBuffer()
    expect(decode(await thumbnail(jpeg)).type).toBe('image/jpeg')
  })

  it('brings large ones to 192 pixels and keeps their shape', async () => {
    const { type, bytes } = decode(await thumbnail(await noise(800, 400).png().toBuffer()))
    expect(type).toBe('image/webp')
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 192, height: 96 })
  })

  it('turns formats that browsers do not show into one that they do', async () => {
    const tiff = await noise(20, 20).tiff().toBuffer()
    const { type, bytes } = decode(await thumbnail(tiff))
    expect(type).toBe('image/webp')
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 20, height: 20 })
  })

  it('gives the same bytes for the same picture', async () => {
    const png = await noise(300, 300).png().toBuffer()
    expect(await thumbnail(png)).toBe(await thumbnail(png))
  })
})
