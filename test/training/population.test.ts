import { expect, test } from 'vitest'
import { ConfigError } from '../../src/errors.js'
import { checkTrainingSize } from '../../src/training/population.js'

const photographs = { kind: 'image', height: 224, width: 224, channels: 3 } as const

test('a training set beyond one array is refused before anything trains', () => {
  expect(() => checkTrainingSize(photographs, 1_281_167)).toThrow(ConfigError)
  expect(() => checkTrainingSize(photographs, 1_281_167)).toThrow(
    /1281167 training examples .* at most \d+ do/,
  )
  // Grey pictures: a byte a pixel, and int32 counts the pixels.
  const grey = { kind: 'image', height: 1024, width: 1024, channels: 1 } as const
  expect(() => checkTrainingSize(grey, 2048)).toThrow(/at most 2047 do/)
  expect(() => checkTrainingSize(grey, 2047)).not.toThrow()
})

test('CIFAR-10 and CelebA at 64 pixels fit', () => {
  expect(() => checkTrainingSize({ ...photographs, height: 32, width: 32 }, 50_000)).not.toThrow()
  expect(() => checkTrainingSize({ ...photographs, height: 64, width: 64 }, 162_770)).not.toThrow()
})
