import onnxProto from 'onnx-proto'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/errors.js'
import { inlineExternalData } from '../../src/onnx/external-data.js'
import { decodeModel } from '../../src/onnx/model.js'

const { ModelProto } = onnxProto.onnx
const { FLOAT } = onnxProto.onnx.TensorProto.DataType
const { EXTERNAL } = onnxProto.onnx.TensorProto.DataLocation
const { TENSOR, GRAPH, SPARSE_TENSOR } = onnxProto.onnx.AttributeProto.AttributeType

type Tensor = onnxProto.onnx.ITensorProto
type Attribute = onnxProto.onnx.IAttributeProto

/** Two floats that lie in another file. */
const external = (location: string, name = 'w', length = 8): Tensor => ({
  name,
  dims: [length / 4],
  dataType: FLOAT,
  dataLocation: EXTERNAL,
  externalData: [
    { key: 'location', value: location },
    { key: 'length', value: String(length) },
  ],
})

const model = (attribute: Attribute[], initializer: Tensor[] = []): Uint8Array =>
  ModelProto.encode(
    ModelProto.create({
      irVersion: 8,
      opsetImport: [{ domain: '', version: 17 }],
      graph: { node: [{ opType: 'Constant', output: ['y'], attribute }], initializer },
    }),
  ).finish()

const constant = (t: Tensor): Attribute => ({ name: 'value', type: TENSOR, t })

describe('tensors in other files, wherever they are in the model', () => {
  test.each<[string, Attribute]>([
    ['a constant', constant(external('/etc/passwd'))],
    ['sparse values', { name: 'sparse_value', type: SPARSE_TENSOR, sparseTensor: { values: external('x') } }],
    ['a branch', { name: 'then_branch', type: GRAPH, g: { initializer: [external('../weights.bin')] } }],
    [
      'a constant of a branch',
      {
        name: 'body',
        type: GRAPH,
        g: { node: [{ opType: 'Constant', attribute: [constant(external('../w'))] }] },
      },
    ],
  ])('%s is asked for like a weight, and never left in', (_, attribute) => {
    const bytes = model([attribute])
    expect(() => decodeModel(bytes, 'm.onnx')).toThrow(/in another file/)
    const asked: string[] = []
    const read = (location: string) => {
      asked.push(location)
      return new Uint8Array(Float32Array.of(3, 4).buffer)
    }
    expect(() => decodeModel(inlineExternalData(bytes, read, 'm.onnx'))).not.toThrow()
    expect(asked).toHaveLength(1)
    const refuse = () => {
      throw new DataError('outside its folder')
    }
    expect(() => inlineExternalData(bytes, refuse, 'm.onnx')).toThrow('outside its folder')
  })

  test('the same bytes named often enough to fill the memory', () => {
    const shared = new Uint8Array(1 << 20)
    const tensors = Array.from({ length: 3000 }, (_, i) => external('shared.bin', `w${i}`, shared.length))
    expect(() => inlineExternalData(model([], tensors), () => shared, 'm.onnx')).toThrow(
      /larger than the 2 GiB/,
    )
  })
})
