/** Weights that an ONNX file keeps in files beside it (`TensorProto.external_data`), brought into the file itself. */
import onnxProto from 'onnx-proto'
import { DataError } from '../errors.js'
import { isExternal, tensorsOf } from './model.js'

const { ModelProto, TensorProto } = onnxProto.onnx

/** Protocol buffers have no larger messages. Many tensors may name the same bytes. */
const mostBytes = 2 ** 31 - 1

/**
 * The model as one file; the same bytes where it is one already, or no ONNX model at all.
 *
 * @param read the bytes of a file named by its location relative to the model's folder
 * @param file name of the model's file, for errors
 * @throws DataError when a location, an offset or a length is missing or lies outside what is there
 */
export function inlineExternalData(
  bytes: Uint8Array,
  read: (location: string) => Uint8Array,
  file: string,
): Uint8Array {
  let model: onnxProto.onnx.ModelProto
  try {
    model = ModelProto.decode(bytes)
  } catch {
    return bytes
  }
  const external = [...tensorsOf(model)].filter(isExternal)
  if (external.length === 0) return bytes
  const files = new Map<string, Uint8Array>()
  let inlined = bytes.length
  for (const tensor of external) {
    const entries = new Map((tensor.externalData ?? []).map(({ key, value }) => [key ?? '', value ?? '']))
    const location = entries.get('location')
    const fault = (message: string) =>
      new DataError(`the weight "${tensor.name ?? ''}" ${message}`, {
        file,
        mend: 'Export the model again, or save it as one file (onnx.save with save_as_external_data=False).',
      })
    if (!location) throw fault('is in another file, and it is not said in which')
    if (!files.has(location)) files.set(location, read(location))
    const whole = files.get(location)!
    const offset = Number(entries.get('offset') ?? 0)
    const length = Number(entries.get('length') ?? whole.length - offset)
    if (!(offset >= 0) || !(length >= 0) || offset + length > whole.length) {
      throw fault(`lies beyond the end of "${location}", which has ${whole.length} bytes`)
    }
    inlined += length
    if (inlined > mostBytes) throw fault('makes the model larger than the 2 GiB that one file may have')
    tensor.rawData = whole.subarray(offset, offset + length)
    tensor.dataLocation = TensorProto.DataLocation.DEFAULT
    tensor.externalData = []
  }
  return ModelProto.encode(model).finish()
}
