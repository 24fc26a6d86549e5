import fc from 'fast-check'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { compress } from '../../src/compression/methods.js'
import { sampleActivations } from '../../src/engine/onnxruntime/calibration.js'
import { createPredictor, smallestBatch } from '../../src/engine/onnxruntime/predictor.js'
import { DataError } from '../../src/errors.js'
import { GraphBuilder } from '../../src/onnx/graph.js'
import { architectures, featureRows, features, network, pictures } from '../compression/networks.js'

const calibration = sampleActivations(pictures(64, 2))
const pictureLength = 12 * 12 * 3

async function levelOf(name: string, method: string): Promise<Uint8Array> {
  const dense = network(name)
  if (method === 'dense') return dense
  return (await compress(dense, method as 'float16', {}, calibration)).bytes
}

describe.each(architectures)('%s', name => {
  test.each(['dense', 'float16', 'int8-dynamic', 'int8-static'])(
    '%s: the logits of an example are its own, whatever is beside it',
    async method => {
      const predictor = await createPredictor(await levelOf(name, method), { threads: 1 })
      const examples = pictures(300)
      const whole = await predictor.predict(examples)
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(299), { minLength: 1, maxLength: 20 }), async chosen => {
          const some = new Uint8Array(chosen.length * pictureLength)
          chosen.forEach((example, i) => {
            some.set(
              examples.subarray(example * pictureLength, (example + 1) * pictureLength),
              i * pictureLength,
            )
          })
          const logits = await predictor.predict(some)
          chosen.forEach((example, i) => {
            expect(logits.subarray(i * 7, (i + 1) * 7)).toEqual(
              whole.subarray(example * 7, (example + 1) * 7),
            )
          })
        }),
        { numRuns: 8 },
      )
      await predictor.dispose()
    },
  )
})

test.each(
  architectures.flatMap(name => ['dense', 'float16', 'int8-static', 'int4'].map(method => [name, method])),
)('%s, %s: batches of other sizes give the same bits', async (name, method) => {
  const bytes =
    method === 'int4'
      ? (await compress(network(name), 'int4', { block: 32 })).bytes
      : await levelOf(name, method)
  const logitsOf = async (largestBatch: number) => {
    const predictor = await createPredictor(bytes, { threads: 1, largestBatch })
    expect(predictor).toMatchObject({ batchSize: largestBatch, takesAnyBatch: true })
    const logits = await predictor.predict(pictures(77))
    await predictor.dispose()
    return logits
  }
  const usual = await logitsOf(32)
  for (const size of [16, 8, 5, 4, 3, smallestBatch]) expect(await logitsOf(size)).toEqual(usual)
})

test('pixels reach the network channel by channel, between 0 and 1', async () => {
  const graph = new GraphBuilder()
  graph.input('input', 'float32', ['N', 2, 1, 3])
  graph.output('logits', 'float32', ['N', 6], graph.node('Flatten', ['input']))
  const predictor = await createPredictor(graph.encode('flatten'), { threads: 1 })
  const pixels = Uint8Array.of(0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6)
  const expected = [0, 102, 204, 51, 153, 255, 1, 3, 5, 2, 4, 6].map(byte => byte / 255)
  expect(await predictor.predict(pixels)).toEqual(Float32Array.from(expected))
  expect(await predictor.predict(new Uint8Array())).toEqual(new Float32Array())
})

test('with mirroring, logits are the mean of those of each picture and of it mirrored', async () => {
  const bytes = network('cnn-small')
  const examples = pictures(40)
  const mirrored = new Uint8Array(examples.length)
  for (let row = 0; row < examples.length; row += 12 * 3) {
    for (let column = 0; column < 12; column++) {
      const from = row + (11 - column) * 3
      mirrored.set(examples.subarray(from, from + 3), row + column * 3)
    }
  }
  const plain = await createPredictor(bytes, { threads: 1 })
  const both = await createPredictor(bytes, { threads: 1, mirror: true })
  const [straight, turned] = [await plain.predict(examples), await plain.predict(mirrored)]
  expect(straight).not.toEqual(turned)
  const mean = straight.map((logit, i) => (logit + turned[i]) / 2)
  expect(await both.predict(examples)).toEqual(mean)
  expect(await both.predict(mirrored)).toEqual(mean)
})

test('agrees with a plain session on features', async () => {
  const bytes = network('mlp', { input: features })
  const predictor = await createPredictor(bytes, { threads: 1 })
  expect(predictor).toMatchObject({ inputLength: 20, classes: 7 })
  const rows = featureRows(256)
  const session = await InferenceSession.create(bytes)
  const { logits } = await session.run({ input: new Tensor('float32', rows, [256, 20]) })
  const ours = await predictor.predict(rows)
  ours.forEach((value, i) => {
    expect(value).toBeCloseTo((logits.data as Float32Array)[i], 4)
  })
})

describe('refused with the reason', () => {
  test('inputs that are no whole examples', async () => {
    const predictor = await createPredictor(network('cnn-small'), { threads: 1, file: 'dense/1.onnx' })
    await expect(predictor.predict(new Uint8Array(pictureLength + 1))).rejects.toThrow(/432 values, not 433/)
  })

  test('bytes for a model of features', async () => {
    const predictor = await createPredictor(network('mlp', { input: features }), { threads: 1 })
    await expect(predictor.predict(new Uint8Array(20))).rejects.toThrow(/takes features/)
  })

  test('a model whose input is of no fixed size', async () => {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 3, 'height', 'width'])
    graph.output(
      'logits',
      'float32',
      ['N', 3],
      graph.node('Flatten', [graph.node('GlobalMaxPool', ['input'])]),
    )
    const created = createPredictor(graph.encode('free'), { threads: 1, file: 'free.onnx' })
    await expect(created).rejects.toMatchObject({
      file: 'free.onnx',
      message: expect.stringMatching(/single input/),
    })
  })

  test('a model that ONNX Runtime does not load', async () => {
    const graph = new GraphBuilder()
    graph.input('input', 'float32', ['N', 3])
    graph.output('logits', 'float32', ['N', 3], graph.node('NoSuchOperator', ['input']))
    const created = createPredictor(graph.encode('odd'), { threads: 1, file: 'odd.onnx' })
    await expect(created).rejects.toThrow(DataError)
    await expect(created).rejects.toThrow(/NoSuchOperator/)
  })
})
