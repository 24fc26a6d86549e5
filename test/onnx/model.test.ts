import onnxProto from 'onnx-proto'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/errors.js'
import { GraphBuilder } from '../../src/onnx/graph.js'
import {
  consumersOf,
  dataTypeOf,
  decodeModel,
  dimsOf,
  encodeModel,
  floatArray,
  freshNames,
  initializersOf,
  nodeOf,
  opsetOf,
  removeUnused,
  tensorArray,
  tensorOf,
  topologicalOrder,
} from '../../src/onnx/model.js'
import { architectures, network } from '../compression/networks.js'

const { TensorProto } = onnxProto.onnx

/** y = relu(x · w + b), and a node nobody needs. */
function small(): Uint8Array {
  const graph = new GraphBuilder()
  graph.input('x', 'float32', ['N', 2])
  graph.initializer('w', 'float32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))
  graph.initializer('b', 'float32', [3], Float32Array.of(-1, 0, 1))
  graph.node('Gemm', ['x', 'w', 'b'], {}, 'sum')
  graph.node('Neg', ['sum'], {}, 'unused')
  graph.node('Relu', ['sum'], {}, 'y')
  graph.output('y', 'float32', ['N', 3])
  return graph.encode('small', { level: 'dense' })
}

describe('reading and writing', () => {
  test.each(architectures)('%s comes back byte for byte', name => {
    const bytes = network(name)
    expect(Buffer.compare(encodeModel(decodeModel(bytes)), bytes)).toBe(0)
  })

  test('a file cut short anywhere before its end is refused', () => {
    const bytes = small()
    const metadata = bytes.length - Buffer.from(bytes).indexOf('level') + 4
    for (let length = 0; length < bytes.length - metadata; length++) {
      expect(() => decodeModel(bytes.subarray(0, length), 'cut.onnx')).toThrow(DataError)
    }
  })

  test('what is no model is refused with the name of the file', () => {
    const error = catchError(() => decodeModel(Buffer.from('not a model at all'), 'notes.txt'))
    expect(error).toMatchObject({ file: 'notes.txt', exitCode: 3 })
  })

  test('weights in another file are refused with the reason', () => {
    const model = decodeModel(small())
    model.graph.initializer[0].dataLocation = TensorProto.DataLocation.EXTERNAL
    const error = catchError(() => decodeModel(encodeModel(model), 'big.onnx'))
    expect(error.describe()).toMatch(/big\.onnx, key "w": keeps the weight "w" in another file/)
    expect(error.mend).toMatch(/save_as_external_data=False/)
  })

  test('an old opset is refused', () => {
    const model = decodeModel(small())
    expect(opsetOf(model)).toBe(17)
    expect(opsetOf(model, 'com.microsoft')).toBeUndefined()
    model.opsetImport[0].version = 12
    expect(() => decodeModel(encodeModel(model))).toThrow(/opset 12/)
  })
})

describe('tensors', () => {
  const arrays = [
    Float32Array.of(0.5, -3, 1e-30),
    Uint8Array.of(0, 128, 255),
    Int8Array.of(-128, 0, 127),
    Int32Array.of(-5, 1 << 30, 0),
    BigInt64Array.of(-1n, 2n ** 40n, 0n),
    Uint16Array.of(0x3c00, 0xbc00, 0x7bff),
  ]

  test.each(arrays.map(array => [array.constructor.name, array] as const))(
    '%s through a file',
    (_, array) => {
      const model = decodeModel(small())
      // A name of odd length moves what follows to an odd address.
      model.graph.initializer.push(tensorOf('odd', [3], array), tensorOf('oddd', [3, 1], array))
      const initializers = initializersOf(decodeModel(encodeModel(model)).graph)
      for (const name of ['odd', 'oddd']) expect(tensorArray(initializers.get(name)!)).toEqual(array)
      expect(dimsOf(initializers.get('oddd')!)).toEqual([3, 1])
    },
  )

  test('values in the typed fields', () => {
    const tensor = (type: Parameters<typeof dataTypeOf>[0], field: object) =>
      TensorProto.create({ name: 't', dims: [2], dataType: dataTypeOf(type), ...field })
    expect(tensorArray(tensor('float32', { floatData: [1.5, 2] }))).toEqual(Float32Array.of(1.5, 2))
    expect(tensorArray(tensor('int8', { int32Data: [-1, 2] }))).toEqual(Int8Array.of(-1, 2))
    expect(tensorArray(tensor('float16', { int32Data: [0x3c00, 0xc000] }))).toEqual(
      Uint16Array.of(0x3c00, 0xc000),
    )
    expect(floatArray(tensor('float16', { int32Data: [0x3c00, 0xc000] }))).toEqual(Float32Array.of(1, -2))
    expect(tensorArray(tensor('int64', { int64Data: [3, -4] }))).toEqual(BigInt64Array.of(3n, -4n))
  })

  test('what does not fit its shape or type is refused by name', () => {
    const short = tensorOf('short', [4], Float32Array.of(1, 2))
    expect(() => tensorArray(short)).toThrow(/"short" holds 2 elements where its shape \[4\] asks for 4/)
    const double = TensorProto.create({ name: 'double', dims: [1], dataType: 11, doubleData: [1] })
    expect(() => tensorArray(double)).toThrow(/"double" has ONNX data type 11/)
    expect(() => floatArray(tensorOf('bytes', [1], Uint8Array.of(1)))).toThrow(/"bytes" holds integers/)
  })
})

describe('graphs', () => {
  test('a topological order keeps makers before readers, and the given order otherwise', () => {
    const { graph } = decodeModel(network('wrn-10-1'))
    const names = graph.node.map(({ name }) => name)
    expect(topologicalOrder(graph).map(({ name }) => name)).toEqual(names)
    graph.node.reverse()
    const made = new Set([...graph.input.map(({ name }) => name), ...initializersOf(graph).keys()])
    for (const node of topologicalOrder(graph)) {
      for (const tensor of node.input) expect(made.has(tensor)).toBe(true)
      for (const tensor of node.output) made.add(tensor)
    }
  })

  test('a circle is refused', () => {
    const { graph } = decodeModel(small())
    graph.node.push(nodeOf('Add', ['x', 'later'], ['sooner']), nodeOf('Relu', ['sooner'], ['later']))
    expect(() => topologicalOrder(graph)).toThrow(/runs in a circle/)
  })

  test('a chain longer than the call stack is walked', () => {
    const { graph } = decodeModel(small())
    const chain = Array.from({ length: 50_000 }, (_, i) =>
      nodeOf('Relu', [i === 0 ? 'y' : `t${i - 1}`], [`t${i}`]),
    )
    graph.node.push(...chain.reverse())
    expect(topologicalOrder(graph).length).toBe(50_003)
  })

  test('what no output needs is dropped', () => {
    const { graph } = decodeModel(small())
    graph.initializer.push(tensorOf('nobody', [1], Float32Array.of(1)))
    removeUnused(graph)
    expect(graph.node.map(({ opType }) => opType)).toEqual(['Gemm', 'Relu'])
    expect([...initializersOf(graph).keys()]).toEqual(['w', 'b'])
    expect(
      consumersOf(graph)
        .get('sum')
        ?.map(({ opType }) => opType),
    ).toEqual(['Relu'])
  })

  test('fresh names are new', () => {
    const fresh = freshNames(decodeModel(small()).graph)
    expect([fresh('sum'), fresh('sum'), fresh('new'), fresh('w')]).toEqual(['sum_1', 'sum_2', 'new', 'w_1'])
  })
})

function catchError(call: () => unknown): DataError {
  try {
    call()
  } catch (error) {
    if (error instanceof DataError) return error
  }
  throw new Error('no DataError was thrown')
}
