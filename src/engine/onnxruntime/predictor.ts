/**
 * Logits from a member's ONNX file, as a function of each example alone: neither the examples beside it nor the
 * number of workers change a bit of them. To that end every call of the runtime sees a batch of the same size,
 * the last one filled up with zeros, and models that quantize activations on the fly (with the range of the
 * whole batch) see one example at a time. Batches of other sizes, of two examples at least, give the same bits.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { DataError } from '../../errors.js'
import { decodeModel, type Model } from '../../onnx/model.js'
import { isWantOfMemory } from '../../threads/want-of-memory.js'

export interface PredictorOptions {
  /** Threads within one operator. */
  readonly threads: number
  /** Name of the model's file, for error messages. */
  readonly file?: string
  /** Whether every picture is shown mirrored as well; its logits are the mean of both. */
  readonly mirror?: boolean
  /** Examples that go through the network at once at most, {@link smallestBatch} or more; default 32. */
  readonly largestBatch?: number
}

/** Whole examples: bytes [examples, height, width, channels] for images, floats [examples, features] otherwise. */
export type PredictorInputs = Uint8Array | Float32Array

export interface Predictor {
  /** Length of one example's input. */
  readonly inputLength: number
  /** Examples that go through the network at once; multiples of it waste nothing. */
  readonly batchSize: number
  /** Whether the model leaves the size of the batch to us. */
  readonly takesAnyBatch: boolean
  readonly classes: number
  /** @returns logits, [examples, classes] */
  predict(inputs: PredictorInputs): Promise<Float32Array>
  dispose(): Promise<void>
}

/** Examples that a model sees at once: larger batches are no faster, and their activations leave the caches. */
const usualBatch = 32
/** A single example takes other ways through the runtime (products of a matrix and a vector), which may round otherwise. */
export const smallestBatch = 2
/** Input values that a model sees at once: keeps a batch of large pictures within memory. */
const largestInput = 2 ** 21

/**
 * @param bytes a model with one input, float32 [N, channels, height, width] in 0 … 1 or [N, features] (N any or fixed), and with
 * logits [N, classes] as its first output
 * @throws DataError when the bytes are no such model
 */
export async function createPredictor(bytes: Uint8Array, options: PredictorOptions): Promise<Predictor> {
  const { file = 'model', mirror = false, largestBatch = usualBatch } = options
  const model = decodeModel(bytes, file)
  const session = await createSession(bytes, options)
  const shape = exampleShape(session, file)
  const [output] = session.outputMetadata
  const classes = output.isTensor ? output.shape.at(-1) : undefined
  if (typeof classes !== 'number') {
    throw new DataError(`does not say how many classes its output "${output.name}" has`, { file })
  }
  const inputLength = shape.reduce((product, size) => product * size, 1)
  const batch = batchSizeOf(model, inputLength, fixedBatch(session), largestBatch, file)
  const buffer = new Float32Array(batch * inputLength)
  const feeds = { [session.inputNames[0]]: new Tensor('float32', buffer, [batch, ...shape]) }

  const run = () =>
    session.run(feeds).catch(cause => {
      throw cannotRun(cause, file)
    })

  return {
    inputLength,
    batchSize: batch,
    takesAnyBatch: fixedBatch(session) === undefined && !quantizesOnTheFly(model),
    classes,
    async predict(inputs) {
      const examples = inputs.length / inputLength
      if (!Number.isInteger(examples)) {
        throw new DataError(`takes inputs of ${inputLength} values, not ${inputs.length} in all`, { file })
      }
      if (inputs instanceof Float32Array !== (shape.length === 1)) {
        const wanted = shape.length === 1 ? 'features (floats)' : 'pixels (bytes)'
        throw new DataError(`takes ${wanted}`, { file })
      }
      const width = mirror && shape.length === 3 ? shape[2] : undefined
      const logits = new Float32Array(examples * classes)
      for (let start = 0; start < examples; start += batch) {
        const end = Math.min(start + batch, examples)
        fillInput(buffer, inputs.subarray(start * inputLength, end * inputLength), shape)
        const rows = (await run())[output.name].data as Float32Array
        logits.set(rows.subarray(0, (end - start) * classes), start * classes)
        if (width === undefined) continue
        mirrorRows(buffer, width)
        const mirrored = (await run())[output.name].data as Float32Array
        for (let at = start * classes, k = 0; at < end * classes; at++, k++) {
          logits[at] = (logits[at] + mirrored[k]) / 2
        }
      }
      return logits
    },
    dispose: () => session.release(),
  }
}

/** What the runtime refuses it would refuse again, but for want of memory. */
function cannotRun(cause: Error, file: string): Error {
  if (isWantOfMemory(cause)) return cause
  return new DataError(`ONNX Runtime cannot run it: ${cause.message}`, { file, cause })
}

/** A session of the CPU provider whose results do not depend on the machine's load or number of cores. */
export async function createSession(bytes: Uint8Array, { threads, file = 'model' }: PredictorOptions) {
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      // Processors without VNNI add products of uint8 and int8 in 16 bits, which saturate; there this makes the
      // kernels uint8, whose products do not. It changes nothing elsewhere. Layers with int4 weights compute in
      // float32, as their file says, where the runtime would quantize their activations too.
      extra: { session: { x64quantprecision: '1', qdq_matmulnbits_accuracy_level: '1' } },
    })
  } catch (cause) {
    if (isWantOfMemory(cause)) throw cause
    throw new DataError(`ONNX Runtime does not load it: ${cause instanceof Error ? cause.message : cause}`, {
      file,
      cause,
    })
  }
}

/** The shape of one example in the model's first input: [channels, height, width] or [features]. */
export function exampleShape(session: InferenceSession, file: string): number[] {
  const [input] = session.inputMetadata
  const shape = input.isTensor ? input.shape.slice(1) : []
  const sizes = shape.filter(size => typeof size === 'number')
  if (session.inputMetadata.length !== 1 || sizes.length !== shape.length || ![1, 3].includes(sizes.length)) {
    throw new DataError(`has no single input of shape [N, channels, height, width] or [N, features]`, {
      file,
      mend: 'Export the model with fixed sizes for all but the batch.',
    })
  }
  return sizes
}

/**
 * Lays examples out as the network takes them: bytes [height, width, channels] become floats in 0 … 1 of
 * [channels, height, width], features stay. What the examples do not fill becomes zero.
 */
export function fillInput(buffer: Float32Array, inputs: PredictorInputs, shape: readonly number[]): void {
  if (inputs instanceof Float32Array) {
    buffer.set(inputs)
  } else {
    const [channels, height, width] = shape
    const pixels = height * width
    const length = channels * pixels
    for (let start = 0; start < inputs.length; start += length) {
      for (let channel = 0; channel < channels; channel++) {
        let to = start + channel * pixels
        for (let from = start + channel; from < start + length; from += channels) {
          buffer[to++] = unitInterval[inputs[from]]
        }
      }
    }
  }
  buffer.fill(0, inputs.length)
}

/** Turns pictures around, [rows, width], in place. */
function mirrorRows(pixels: Float32Array, width: number): void {
  for (let row = 0; row < pixels.length; row += width) pixels.subarray(row, row + width).reverse()
}

/** byte / 255, by byte. */
const unitInterval = Float32Array.from({ length: 256 }, (_, byte) => byte / 255)

/** Size of the batch that the model's first input asks for; undefined where it takes any. */
function fixedBatch(session: InferenceSession): number | undefined {
  const [input] = session.inputMetadata
  const size = input.isTensor ? input.shape[0] : undefined
  return typeof size === 'number' ? size : undefined
}

function quantizesOnTheFly({ graph }: Model): boolean {
  return graph.node.some(({ opType }) => opType === 'DynamicQuantizeLinear')
}

function batchSizeOf(
  model: Model,
  inputLength: number,
  fixed: number | undefined,
  largest: number,
  file: string,
): number {
  const isDynamic = quantizesOnTheFly(model)
  if (isDynamic && (fixed ?? 1) > 1) {
    throw new DataError(
      `quantizes activations by the range of the whole batch, which is fixed at ${fixed}: predictions would depend on what is beside an example`,
      { file, mend: 'Export the model with a batch of any size, or of 1.' },
    )
  }
  if (isDynamic) return 1
  if (fixed !== undefined) return fixed
  return Math.max(1, Math.min(largest, Math.floor(largestInput / inputLength)))
}
