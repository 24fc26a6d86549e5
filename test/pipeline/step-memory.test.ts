import { expect, test } from 'vitest'
import { buildArchitecture } from '../../src/model/architectures/index.js'
import { stepBytes } from '../../src/pipeline/step-memory.js'

function bytesOf(name: string, side: number, batchSize: number): number {
  const normalization = { mean: new Float32Array(3), deviation: new Float32Array(3).fill(1) }
  const input = { kind: 'image', height: side, width: side, channels: 3 } as const
  const options = { input, classes: 4, width: 1, dropout: 0 }
  return stepBytes(buildArchitecture(name, normalization, options), batchSize)
}

test('ResNet-50 at 224 pixels takes what was measured, within a third', () => {
  // bench/resnet50.ts: 4.00 GB at a batch of 8 and 2.55 at 4; 0.37 GB of either are the process before its first step.
  expect(bytesOf('resnet-50', 224, 8) / 3.63e9).toBeGreaterThan(2 / 3)
  expect(bytesOf('resnet-50', 224, 8) / 3.63e9).toBeLessThan(4 / 3)
  expect(bytesOf('resnet-50', 224, 4) / 2.18e9).toBeGreaterThan(2 / 3)
  expect(bytesOf('resnet-50', 224, 4) / 2.18e9).toBeLessThan(4 / 3)
})

test('memory beyond the weights grows with the batch', () => {
  const [one, two, three] = [1, 2, 3].map(batch => bytesOf('wrn-16-1', 32, batch))
  expect(three! - two!).toBe(two! - one!)
  expect(one!).toBeGreaterThan(two! - one!)
})
