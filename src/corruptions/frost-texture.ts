/**
 * Frost on a window. The published generators lay photographs over a picture; these are drawn: feathers of ice
 * (needles with branches) on a rough fractal ground, with the brightness, contrast and tint of the photographs.
 */
import type { RandomStream } from '../random.js'
import { type Picture, paint } from './picture.js'
import { plasmaOver } from './plasma.js'

/** Mean and standard deviation of grey over one photograph lie between these. */
const brightness = { least: 0.46, most: 0.82 }
const contrast = { least: 0.07, most: 0.16 }
/** Ice is bluish: channels against grey. */
const tint = [0.88, 1.02, 1.1] as const
/** How fast the ground grows smoother as it grows finer. */
const roughness = 1.25

/** A texture [height, width, channels], 0 … 1. */
export function frostTexture(height: number, width: number, channels: number, random: RandomStream): Picture {
  const ground = plasmaOver(height, width, roughness, random)
  const ice = feathers(height, width, random)
  const relief = ground.map((value, i) => value + ice[i])
  const mean = relief.reduce((sum, value) => sum + value, 0) / relief.length
  const variance = relief.reduce((sum, value) => sum + (value - mean) ** 2, 0) / relief.length
  const level = brightness.least + (brightness.most - brightness.least) * random.uniform()
  const scale =
    (contrast.least + (contrast.most - contrast.least) * random.uniform()) /
    Math.sqrt(Math.max(variance, 1e-12))
  const values = new Float64Array(relief.length * channels)
  relief.forEach((value, i) => {
    const grey = Math.min(1, Math.max(0, level + scale * (value - mean)))
    paint(channels, [grey * tint[0], grey * tint[1], grey * tint[2]]).forEach((part, c) => {
      values[i * channels + c] = Math.min(1, part)
    })
  })
  return { height, width, channels, values }
}

/** Branching needles from random seeds of ice, [height, width], 0 … 1. */
function feathers(height: number, width: number, random: RandomStream): Float64Array {
  const ice = new Float64Array(height * width)
  const side = Math.sqrt(height * width)
  const draw = (y: number, x: number, angle: number, length: number, light: number) => {
    const steps = Math.ceil(length)
    for (let i = 0; i <= steps; i++) {
      const row = Math.round(y + i * Math.sin(angle))
      const column = Math.round(x + i * Math.cos(angle))
      if (row < 0 || row >= height || column < 0 || column >= width) return
      const at = row * width + column
      ice[at] = Math.max(ice[at], light * (1 - i / (steps + 1)))
    }
  }
  for (let crystal = 0; crystal < 6; crystal++) {
    const y = random.uniform() * height
    const x = random.uniform() * width
    const angle = 2 * Math.PI * random.uniform()
    const length = side * (0.3 + 0.5 * random.uniform())
    draw(y, x, angle, length, 1)
    for (let along = 2; along < length; along += 3) {
      for (const turn of [Math.PI / 3, -Math.PI / 3]) {
        const branch = (length - along) * 0.4 * random.uniform()
        draw(y + along * Math.sin(angle), x + along * Math.cos(angle), angle + turn, branch, 0.7)
      }
    }
  }
  return ice
}
