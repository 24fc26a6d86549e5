/**
 * ONNX models as objects: reading and writing files, initializers as typed arrays, and walks over a graph.
 * Everything works on the messages of the ONNX protocol buffer itself, so nothing of a user's model is lost
 * between reading and writing.
 */
import onnxProto from 'onnx-proto'
import { DataError } from '../errors.js'
import { fromFloat16 } from './float16.js'

const { ModelProto, NodeProto, TensorProto, AttributeProto } = onnxProto.onnx

export type Node = onnxProto.onnx.NodeProto
export type Tensor = onnxProto.onnx.TensorProto
export type Graph = Omit<onnxProto.onnx.GraphProto, 'node' | 'initializer'> & {
  node: Node[]
  initializer: Tensor[]
}
/** A model with all its messages in full, as {@link decodeModel} gives it. */
export type Model = Omit<onnxProto.onnx.ModelProto, 'graph'> & { graph: Graph }

/** Element types that models of this project hold, with the array each is read into; halves stay bits. */
const elements = {
  float32: { dataType: 1, array: Float32Array },
  uint8: { dataType: 2, array: Uint8Array },
  int8: { dataType: 3, array: Int8Array },
  int32: { dataType: 6, array: Int32Array },
  int64: { dataType: 7, array: BigInt64Array },
  float16: { dataType: 10, array: Uint16Array },
  /** Two to a byte in the file, the first in the lower half. */
  int4: { dataType: 22, array: Int8Array },
} as const

export type ElementType = keyof typeof elements
export type TensorArray =
  | Float32Array
  | Uint8Array
  | Int8Array
  | Int32Array
  | BigInt64Array
  /** Bits of half-precision numbers. */
  | Uint16Array

/** The number ONNX gives an element type (`TensorProto.DataType`). */
export const dataTypeOf = (type: ElementType): number => elements[type].dataType

const elementTypes = new Map(
  Object.entries(elements).map(([type, { dataType }]) => [dataType as number, type as ElementType]),
)

/** The opsets whose operators this project writes and rewrites. */
const oldestOpset = 13

/**
 * Reads a model.
 *
 * @param file name of the file for error messages
 * @throws DataError when the bytes are no complete ONNX model, when weights lie outside the file (ONNX external
 * data), or when the opset is older than 13 (before per-channel quantization)
 */
export function decodeModel(bytes: Uint8Array, file = 'model'): Model {
  const model = decodeProto(bytes, file)
  if (!isModel(model)) {
    throw new DataError('holds no ONNX graph', { file, mend: 'Name a file that an ONNX exporter wrote.' })
  }
  const opset = opsetOf(model)
  if (opset === undefined) {
    // Fields are written in order of their numbers, and opset_import comes after the graph.
    throw cutShort(bytes, file)
  }
  if (opset < oldestOpset) {
    throw new DataError(`uses ONNX opset ${opset}; the oldest that can be rewritten is ${oldestOpset}`, {
      file,
      mend: 'Export it again with opset 17.',
    })
  }
  for (const tensor of tensorsOf(model)) {
    if (isExternal(tensor)) {
      const name = tensor.name ?? ''
      throw new DataError(
        `keeps the weight "${name}" in another file (ONNX external data): a member is one file, whose size and hash speak for all of it`,
        { file, key: name, mend: 'Save it as one file (onnx.save with save_as_external_data=False).' },
      )
    }
  }
  return model
}

/** Whether a tensor's elements lie in another file. */
export const isExternal = ({ dataLocation, externalData }: onnxProto.onnx.ITensorProto): boolean =>
  dataLocation === TensorProto.DataLocation.EXTERNAL || (externalData ?? []).length > 0

/** Every tensor of a model: weights, constants, and those of graphs within nodes and of functions. */
export function* tensorsOf(model: onnxProto.onnx.IModelProto): Generator<onnxProto.onnx.ITensorProto> {
  if (model.graph != null) yield* tensorsOfGraph(model.graph)
  for (const { node } of model.functions ?? []) yield* tensorsOfNodes(node ?? [])
  for (const { initialization, algorithm } of model.trainingInfo ?? []) {
    for (const graph of [initialization, algorithm]) if (graph != null) yield* tensorsOfGraph(graph)
  }
}

function* tensorsOfGraph(graph: onnxProto.onnx.IGraphProto): Generator<onnxProto.onnx.ITensorProto> {
  yield* graph.initializer ?? []
  for (const sparse of graph.sparseInitializer ?? []) yield* tensorsOfSparse(sparse)
  yield* tensorsOfNodes(graph.node ?? [])
}

function* tensorsOfNodes(
  nodes: readonly onnxProto.onnx.INodeProto[],
): Generator<onnxProto.onnx.ITensorProto> {
  for (const { attribute } of nodes) {
    for (const { t, tensors, sparseTensor, sparseTensors, g, graphs } of attribute ?? []) {
      if (t != null) yield t
      yield* tensors ?? []
      for (const sparse of [sparseTensor, ...(sparseTensors ?? [])]) {
        if (sparse != null) yield* tensorsOfSparse(sparse)
      }
      for (const graph of [g, ...(graphs ?? [])]) if (graph != null) yield* tensorsOfGraph(graph)
    }
  }
}

function* tensorsOfSparse({
  values,
  indices,
}: onnxProto.onnx.ISparseTensorProto): Generator<onnxProto.onnx.ITensorProto> {
  for (const tensor of [values, indices]) if (tensor != null) yield tensor
}

function decodeProto(bytes: Uint8Array, file: string): onnxProto.onnx.ModelProto {
  try {
    return ModelProto.decode(bytes)
  } catch (cause) {
    throw cutShort(bytes, file, cause)
  }
}

function cutShort(bytes: Uint8Array, file: string, cause?: unknown): DataError {
  return new DataError(`is no ONNX model, or is cut short after ${bytes.length} bytes`, {
    file,
    mend: 'Write or copy the file again.',
    cause,
  })
}

/** Decoded messages are full instances throughout; only their declared types allow plain objects inside. */
function isModel(model: onnxProto.onnx.ModelProto): model is Model {
  return model.graph != null && (model.graph.node?.length ?? 0) > 0
}

/** The bytes of a model's file. Same model, same bytes. */
export function encodeModel(model: Model): Uint8Array {
  return ModelProto.encode(model).finish()
}

/** Version of an operator set that the model imports; the default domain is ONNX's own. */
export function opsetOf(model: Model, domain = ''): number | undefined {
  const imported = model.opsetImport.find(
    ({ domain: name }) => (name === 'ai.onnx' ? '' : (name ?? '')) === domain,
  )
  return imported === undefined ? undefined : Number(imported.version)
}

/** Dimensions of a tensor; empty for a scalar. */
export function dimsOf(tensor: Tensor): number[] {
  return tensor.dims.map(Number)
}

/** Name of a tensor's element type, or undefined where the type is none that {@link tensorArray} reads. */
export function elementType(tensor: Tensor): ElementType | undefined {
  return elementTypes.get(tensor.dataType)
}

/**
 * A tensor's elements in row-major order, copied out of the file's bytes (which need not be aligned).
 *
 * @throws DataError when the type is none of {@link ElementType} or the number of elements does not fit the shape
 */
export function tensorArray(tensor: Tensor): TensorArray {
  const type = elementType(tensor)
  if (type === undefined) {
    throw new DataError(`weight "${tensor.name}" has ONNX data type ${tensor.dataType}, which is not read`, {
      key: tensor.name,
      mend: `Use one of ${Object.keys(elements).join(', ')}.`,
    })
  }
  const { array: ArrayType } = elements[type]
  const length = dimsOf(tensor).reduce((product, dim) => product * dim, 1)
  const raw = tensor.rawData
  const isRaw = raw != null && raw.length > 0
  const array =
    type === 'int4'
      ? unpacked(isRaw ? raw : Uint8Array.from(tensor.int32Data), length)
      : isRaw
        ? fromRaw(raw, ArrayType)
        : fromField(tensor, type)
  if (array === undefined || array.length !== length) {
    throw new DataError(
      `weight "${tensor.name}" holds ${array?.length ?? 'a broken number of'} elements where its shape [${dimsOf(tensor)}] asks for ${length}`,
      { key: tensor.name, mend: 'Export the model again.' },
    )
  }
  return array
}

function fromRaw(
  raw: Uint8Array,
  ArrayType: (typeof elements)[ElementType]['array'],
): TensorArray | undefined {
  if (raw.length % ArrayType.BYTES_PER_ELEMENT !== 0) return undefined
  return new ArrayType(Uint8Array.from(raw).buffer)
}

/** Nibbles as numbers of −8 to 7; undefined where there are too few or too many. */
function unpacked(bytes: Uint8Array, length: number): Int8Array | undefined {
  if (bytes.length !== Math.ceil(length / 2)) return undefined
  const values = new Int8Array(length)
  for (let i = 0; i < length; i++) {
    const nibble = i % 2 === 0 ? bytes[i >> 1] & 0xf : bytes[i >> 1] >> 4
    values[i] = nibble >= 8 ? nibble - 16 : nibble
  }
  return values
}

/** Elements from the typed fields, which hold halves and small integers as int32. */
function fromField(tensor: Tensor, type: ElementType): TensorArray {
  switch (type) {
    case 'float32':
      return Float32Array.from(tensor.floatData)
    case 'int64':
      return BigInt64Array.from(tensor.int64Data, value => BigInt(value.toString()))
    default:
      return elements[type].array.from(tensor.int32Data)
  }
}

/**
 * A tensor's elements as float32: floats as they are, halves widened.
 *
 * @throws DataError when the tensor holds integers
 */
export function floatArray(tensor: Tensor): Float32Array {
  const array = tensorArray(tensor)
  if (array instanceof Float32Array) return array
  if (array instanceof Uint16Array) return fromFloat16(array)
  throw new DataError(`weight "${tensor.name}" holds integers where floats are needed`, { key: tensor.name })
}

/** An initializer from a typed array, whose class says the element type; `Uint16Array` holds the bits of halves. */
export function tensorOf(name: string, dims: readonly number[], array: TensorArray): Tensor {
  const type = (Object.keys(elements) as ElementType[]).find(key => array instanceof elements[key].array)!
  const rawData = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  return TensorProto.create({ name, dims: [...dims], dataType: elements[type].dataType, rawData })
}

/** An initializer of four-bit integers, −8 to 7, two to a byte. */
export function int4TensorOf(name: string, dims: readonly number[], values: Int8Array): Tensor {
  const rawData = new Uint8Array(Math.ceil(values.length / 2))
  for (let i = 0; i < values.length; i++) rawData[i >> 1] |= (values[i] & 0xf) << (i % 2 === 0 ? 0 : 4)
  return TensorProto.create({ name, dims: [...dims], dataType: elements.int4.dataType, rawData })
}

/** A node with attributes of an integer or of several. */
export function nodeOf(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, number | readonly number[]>> = {},
): Node {
  const { INT, INTS } = AttributeProto.AttributeType
  const attribute = Object.entries(attributes).map(([name, value]) =>
    typeof value === 'number'
      ? AttributeProto.create({ name, type: INT, i: value })
      : AttributeProto.create({ name, type: INTS, ints: [...value] }),
  )
  return NodeProto.create({
    opType,
    name: output[0] ?? '',
    input: [...input],
    output: [...output],
    attribute,
  })
}

/** An integer attribute of a node, or `absent` where the node leaves it at its default. */
export function intAttribute(node: Node, name: string, absent: number): number {
  const attribute = node.attribute.find(({ name: other }) => other === name)
  return attribute?.i == null ? absent : Number(attribute.i)
}

/** An attribute of integers, or undefined where the node leaves it at its default. */
export function intsAttribute(node: Node, name: string): number[] | undefined {
  return node.attribute.find(({ name: other }) => other === name)?.ints?.map(Number)
}

/** A float attribute of a node, or `absent` where the node leaves it at its default. */
export function floatAttribute(node: Node, name: string, absent: number): number {
  return node.attribute.find(({ name: other }) => other === name)?.f ?? absent
}

/** Initializers of a graph by name. */
export function initializersOf(graph: Graph): Map<string, Tensor> {
  return new Map(graph.initializer.map(tensor => [tensor.name, tensor]))
}

/** The node that makes each tensor; graph inputs and initializers have none. */
export function producersOf(graph: Graph): Map<string, Node> {
  return new Map(graph.node.flatMap(node => node.output.map(tensor => [tensor, node] as const)))
}

/** The nodes that read each tensor, in the order of the graph. */
export function consumersOf(graph: Graph): Map<string, Node[]> {
  const consumers = new Map<string, Node[]>()
  for (const node of graph.node) {
    for (const tensor of new Set(node.input)) {
      const readers = consumers.get(tensor)
      if (readers === undefined) consumers.set(tensor, [node])
      else readers.push(node)
    }
  }
  return consumers
}

/** Gives names that no tensor of the graph has yet: the stem itself, or the stem and a number. */
export function freshNames(graph: Graph): (stem: string) => string {
  const taken = new Set([
    ...graph.input.map(({ name }) => name),
    ...graph.initializer.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
  ])
  return stem => {
    let name = stem
    for (let count = 1; taken.has(name); count++) name = `${stem}_${count}`
    taken.add(name)
    return name
  }
}

/**
 * The nodes so ordered that each comes after the makers of its inputs, otherwise in the order they have.
 *
 * @throws DataError when the graph has a cycle
 */
export function topologicalOrder(graph: Graph): Node[] {
  const producers = producersOf(graph)
  const order: Node[] = []
  const state = new Map<Node, 'open' | 'done'>()
  // An explicit stack: a deep network must not exhaust the call stack.
  for (const root of graph.node) {
    const stack = [root]
    while (stack.length > 0) {
      const node = stack[stack.length - 1]
      if (state.get(node) === 'done') {
        stack.pop()
        continue
      }
      const pending = node.input
        .map(tensor => producers.get(tensor))
        .filter(producer => producer !== undefined && state.get(producer) !== 'done') as Node[]
      if (pending.length === 0) {
        state.set(node, 'done')
        order.push(node)
        stack.pop()
        continue
      }
      if (pending.some(producer => state.get(producer) === 'open')) {
        throw new DataError(`the graph runs in a circle through node "${node.name}"`, { key: node.name })
      }
      state.set(node, 'open')
      stack.push(...pending.reverse())
    }
  }
  return order
}

/** Drops nodes and initializers on which no output of the graph depends. */
export function removeUnused(graph: Graph): void {
  const producers = producersOf(graph)
  const used = new Set<string>()
  const pending = graph.output.map(({ name }) => name ?? '')
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    if (used.has(tensor)) continue
    used.add(tensor)
    pending.push(...(producers.get(tensor)?.input ?? []))
  }
  graph.node = graph.node.filter(node => node.output.some(tensor => used.has(tensor)))
  graph.initializer = graph.initializer.filter(({ name }) => used.has(name))
  // Shapes written for the float graph would contradict a rewritten one; ONNX Runtime infers them anew.
  graph.valueInfo = []
}
