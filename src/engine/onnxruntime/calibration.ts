/** Runs a calibration sample through a model and hands out the activations inside it. */
import onnxProto from 'onnx-proto'
import { Tensor } from 'onnxruntime-node'
import type { Activations } from '../../compression/method.js'
import { dataTypeOf, decodeModel, encodeModel } from '../../onnx/model.js'
import { createSession, exampleShape, fillInput, type PredictorInputs } from './predictor.js'

const { ValueInfoProto } = onnxProto.onnx

/** Examples at once: every activation of a batch is in memory. */
const batch = 32

/**
 * Activations of these examples, for {@link compress}.
 *
 * One thread alone: how many there are may move the last bits of a matrix product, and with them a range.
 *
 * @param inputs the calibration sample, laid out as for a predictor
 * @param file name of the model's file, for error messages
 */
export function sampleActivations(inputs: PredictorInputs, file = 'model'): Activations {
  return async function* (bytes, tensors) {
    const session = await createSession(withOutputs(bytes, tensors), { threads: 1, file })
    try {
      const shape = exampleShape(session, file)
      const inputLength = shape.reduce((product, size) => product * size, 1)
      for (let start = 0; start < inputs.length; start += batch * inputLength) {
        const examples = inputs.subarray(start, start + batch * inputLength)
        const buffer = new Float32Array(examples.length)
        fillInput(buffer, examples, shape)
        const feed = new Tensor('float32', buffer, [examples.length / inputLength, ...shape])
        const results = await session.run({ [session.inputNames[0]]: feed })
        yield new Map(
          tensors.map(name => [
            name,
            name === session.inputNames[0] ? buffer : (results[name].data as Float32Array),
          ]),
        )
      }
    } finally {
      await session.release()
    }
  }
}

/** The model with inner tensors as outputs, all of them float32. */
function withOutputs(bytes: Uint8Array, tensors: readonly string[]): Uint8Array {
  const model = decodeModel(bytes)
  const present = new Set([...model.graph.output, ...model.graph.input].map(({ name }) => name))
  const type = { tensorType: { elemType: dataTypeOf('float32') } }
  model.graph.output.push(
    ...tensors.filter(name => !present.has(name)).map(name => ValueInfoProto.create({ name, type })),
  )
  return encodeModel(model)
}
