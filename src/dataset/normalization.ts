/**
 * Mean and standard deviation of the training data, by channel or by feature, in one pass. The deviation is that
 * of the population (divided by n); where nothing varies it is 1, so that dividing by it is safe.
 */
import type { InputShape, Normalization } from '../model/architecture.js'

export interface NormalizationTally {
  /** Adds one example: pixels [height, width, channels] or features [features]. */
  add(example: Uint8Array | Float32Array): void
  /** Over all examples so far; for pixels in units of 255. */
  result(): Normalization
}

export function normalizationTally(input: InputShape): NormalizationTally {
  return input.kind === 'image' ? pixelTally(input.channels) : featureTally(input.features)
}

/** Counts how often each of the 256 values occurs, which is exact however many pixels there are. */
function pixelTally(channels: number): NormalizationTally {
  const counts = Array.from({ length: channels }, () => new Float64Array(256))
  return {
    add(pixels) {
      for (let i = 0; i < pixels.length; i += channels) {
        for (let channel = 0; channel < channels; channel++) counts[channel][pixels[i + channel]]++
      }
    },
    result() {
      const moments = counts.map(histogram => {
        let n = 0
        let sum = 0
        let squares = 0
        for (const [value, count] of histogram.entries()) {
          n += count
          sum += count * value
          squares += count * value * value
        }
        const mean = sum / n
        return { mean: mean / 255, variance: squares / n / 255 ** 2 - (mean / 255) ** 2 }
      })
      return normalizationOf(moments)
    },
  }
}

/** Welford 1962. */
function featureTally(features: number): NormalizationTally {
  const mean = new Float64Array(features)
  const squares = new Float64Array(features)
  let n = 0
  return {
    add(values) {
      n++
      for (let feature = 0; feature < features; feature++) {
        const change = values[feature] - mean[feature]
        mean[feature] += change / n
        squares[feature] += change * (values[feature] - mean[feature])
      }
    },
    result: () =>
      normalizationOf(
        Array.from(mean, (value, feature) => ({ mean: value, variance: squares[feature] / n })),
      ),
  }
}

function normalizationOf(moments: readonly { mean: number; variance: number }[]): Normalization {
  return {
    mean: Float32Array.from(moments, ({ mean }) => mean),
    // Below the resolution of float32 a deviation is rounding, not variation.
    deviation: Float32Array.from(moments, ({ mean, variance }) => {
      const deviation = Math.sqrt(Math.max(0, variance))
      return deviation > Math.abs(mean) * 2 ** -23 ? deviation : 1
    }),
  }
}
