import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { imageStatistics, luminanceOf } from '../../src/inspection/image-statistics.js'

interface Row {
  readonly height: number
  readonly width: number
  readonly pixels: number[]
  readonly brightness: number
  readonly darkest: number
  readonly brightest: number
  readonly contrast: number
  readonly blur: number
  readonly entropy: number
  readonly pillowEntropy: number
}

// By bench/peers/inspection_fixtures.py.
const rows: Row[] = JSON.parse(
  readFileSync(new URL('./fixtures/image-statistics.json', import.meta.url), 'utf8'),
)

const statisticsOf = ({ pixels, height, width }: Pick<Row, 'pixels' | 'height' | 'width'>) =>
  imageStatistics(luminanceOf(Uint8Array.from(pixels), { height, width, channels: 3 }))

describe('image statistics', () => {
  it('are those of scikit-image, NumPy and Pillow', () => {
    for (const row of rows) {
      const mine = statisticsOf(row)
      for (const name of ['brightness', 'darkest', 'brightest', 'contrast', 'entropy'] as const) {
        expect(Math.abs(mine[name] - row[name]), name).toBeLessThan(1e-12)
      }
      expect(Math.abs(mine.blur - row.blur), `${row.width}x${row.height}`).toBeLessThan(1e-5)
      expect(Math.abs(mine.entropy - row.pillowEntropy)).toBeLessThan(1e-12)
    }
  })

  it('know no blur where there is no edge, or hardly a picture', () => {
    const plain = { height: 8, width: 8, pixels: new Array(192).fill(128) }
    expect(statisticsOf(plain)).toMatchObject({ blur: Number.NaN, entropy: 0, contrast: 0 })
    expect(statisticsOf({ height: 4, width: 9, pixels: new Array(108).fill(0) }).blur).toBeNaN()
  })

  it('take the larger blur as a picture is blurred', () => {
    const [sharp, soft, softer] = rows.slice(0, 3).map(row => statisticsOf(row).blur)
    expect(soft!).toBeGreaterThan(sharp!)
    expect(softer!).toBeGreaterThan(soft!)
  })
})
