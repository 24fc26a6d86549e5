/**
 * Training state as a file in the safetensors format (an eight-byte length, a JSON header, the raw values), which
 * most tools of the field read. Momentum buffers are stored as `momentum:<weight>`.
 * Specification: github.com/huggingface/safetensors, "Format".
 */
import { readFile } from 'node:fs/promises'
import type { TrainingState } from '../engine/engine.js'
import { DataError } from '../errors.js'
import type { Weight } from '../model/architecture.js'
import { elements } from '../model/shapes.js'
import { placed } from '../pipeline/files.js'

const momentumPrefix = 'momentum:'

export function encodeState(state: TrainingState): Uint8Array {
  const tensors = [
    ...state.weights,
    ...state.momenta.map(weight => ({ ...weight, name: momentumPrefix + weight.name })),
  ]
  let offset = 0
  const entries = tensors.map(({ name, shape, data }) => {
    const begin = offset
    offset += data.byteLength
    return [name, { dtype: 'F32', shape, data_offsets: [begin, offset] }] as const
  })
  const text = JSON.stringify(Object.fromEntries(entries))
  // Padded with spaces, so that the values are aligned.
  const header = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8))
  const bytes = new Uint8Array(8 + header.length + offset)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true)
  bytes.set(header, 8)
  let position = 8 + header.length
  for (const { data } of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position)
    position += data.byteLength
  }
  return bytes
}

/** The state in a file. @throws DataError that names it, if it is none */
export async function readState(path: string): Promise<TrainingState> {
  try {
    return decodeState(await readFile(path))
  } catch (error) {
    throw placed(error, path)
  }
}

/** @throws DataError if the bytes are no such file. */
export function decodeState(bytes: Uint8Array): TrainingState {
  const weights: Weight[] = []
  const momenta: Weight[] = []
  try {
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
      string,
      { shape: number[]; data_offsets: [number, number] }
    >
    for (const [
      name,
      {
        shape,
        data_offsets: [begin, end],
      },
    ] of Object.entries(header)) {
      // A copy, so that the values are aligned; of what may be a Buffer, whose own slice is none.
      const raw = Uint8Array.from(bytes.subarray(8 + length + begin, 8 + length + end))
      const data = new Float32Array(raw.buffer)
      if (data.length !== elements(shape)) throw new RangeError(`${name} has ${data.length} values`)
      if (name.startsWith(momentumPrefix))
        momenta.push({ name: name.slice(momentumPrefix.length), shape, data })
      else weights.push({ name, shape, data })
    }
  } catch (cause) {
    throw new DataError('this is no whole training state', { cause })
  }
  return { weights, momenta }
}
