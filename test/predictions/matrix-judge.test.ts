import { expect, test } from 'vitest'
import { MatrixJudge } from '../../src/predictions/matrix-judge.js'
import { randomStream } from '../../src/random.js'

const classes = 40
const examples = 5000
const random = randomStream('matrix judge')
const labels = Int32Array.from({ length: examples }, () => random.integer(classes))
const logits = Float32Array.from({ length: examples * classes }, (_, at) => {
  const isGiven = at % classes === labels[Math.floor(at / classes)]
  return 2 * random.normal() + (isGiven && random.uniform() < 0.9 ? 5 : 0)
})

async function judged(workers: number, rows: number) {
  const judge = new MatrixJudge(labels, classes, 'logits', workers)
  try {
    const height = rows * classes
    for (let begin = 0; begin < logits.length; begin += height) {
      await judge.take(logits.slice(begin, begin + height))
    }
    return await judge.judge()
  } finally {
    await judge.close()
  }
}

test('any number of threads and portions of any size give the same', async () => {
  const alone = await judged(1, examples)
  expect(alone.joint.reduce((sum, count) => sum + count)).toBeCloseTo(examples, 3)
  expect(await judged(1, 333)).toEqual(alone)
  expect(await judged(2, 1700)).toEqual(alone)
})
