/**
 * Which channels of an ONNX graph can be removed, and what must shrink with them: a channel is made by the filters
 * of one layer, or of all layers whose outputs are added, and goes through normalisations, activations and pooling
 * to the layers that read it. Layers coupled by an addition lose the same channels (the dependency graph of Fang et
 * al. 2023, arXiv 2301.12900).
 *
 * Channels that reach an output of the graph, or an operator not known here, stay.
 */
import {
  dimsOf,
  freshNames,
  type Graph,
  initializersOf,
  intAttribute,
  intsAttribute,
  type Node,
  removeUnused,
  type Tensor,
  type TensorArray,
  tensorArray,
  tensorOf,
  topologicalOrder,
} from '../onnx/model.js'
import { type KernelNode, kernelNodes } from './kernels.js'

/** An axis of a constant that runs over channels. */
interface ChannelAxis {
  /** The node that reads the constant, and as which of its inputs. */
  readonly node: Node
  readonly input: number
  readonly axis: number
  /** Elements along the axis that share a channel before the next begins: channel of i = ⌊i / inner⌋ mod channels. */
  readonly inner: number
}

/** Channels that are removed together. */
export interface ChannelGroup {
  readonly channels: number
  /** The layers whose filters make the channels. */
  readonly makers: readonly KernelNode[]
  /** The layers that read them. */
  readonly readers: readonly KernelNode[]
  /** All that shrinks: filters, biases, normalisations, depthwise and other constants, the kernels of the readers. */
  readonly axes: readonly ChannelAxis[]
}

/** Channels in the making; those found to be the same are merged. */
class Channels {
  readonly count: number
  makers: KernelNode[] = []
  readers: KernelNode[] = []
  axes: ChannelAxis[] = []
  removable = true
  #mergedInto: Channels | undefined

  constructor(count: number) {
    this.count = count
  }

  get root(): Channels {
    return this.#mergedInto?.root ?? this
  }

  merge(other: Channels): void {
    const [into, from] = [this.root, other.root]
    if (into === from) return
    into.makers.push(...from.makers)
    into.readers.push(...from.readers)
    into.axes.push(...from.axes)
    into.removable &&= from.removable
    from.#mergedInto = into
  }
}

/** Where a tensor carries channels. */
interface Carried {
  readonly channels: Channels
  /** Counted from the last, which is 0. */
  readonly axis: number
  /** Undefined where it cannot be told. */
  readonly rank: number | undefined
  /** Whether every channel was flattened into a run of positions; else neighbours belong to different channels. */
  readonly runs: boolean
}

const unary = new Set(
  `Abs Cast Celu Clip Dropout Elu Erf Exp Gelu HardSigmoid HardSwish Identity LeakyRelu Log Mish Neg Reciprocal Relu
   Selu Sigmoid Softplus Softsign Sqrt Tanh ThresholdedRelu`.split(/\s+/),
)
const elementwise = new Set(['Add', 'Div', 'Max', 'Mean', 'Min', 'Mul', 'Pow', 'PRelu', 'Sub', 'Sum'])
const pooling = new Set(['AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'LpPool', 'MaxPool'])

/** The groups of channels that can be removed, in the order of the graph. Shared kernels shrink layer by layer. */
export function channelGroups(graph: Graph): ChannelGroup[] {
  const initializers = initializersOf(graph)
  const layers = new Map(kernelNodes(graph).map(layer => [layer.node, layer]))
  const carriedBy = new Map<string, Carried>()
  const all: Channels[] = []

  for (const node of topologicalOrder(graph)) {
    // A subgraph reads tensors around it without naming them as inputs.
    if (node.attribute.some(({ g, graphs }) => g != null || (graphs?.length ?? 0) > 0)) return []
    const layer = layers.get(node)
    const carried = node.input.map(tensor => carriedBy.get(tensor))
    const out = layer === undefined ? passed(node, carried, initializers) : read(layer, carried)
    if (out === undefined) {
      for (const input of carried) if (input !== undefined) input.channels.root.removable = false
    } else {
      all.push(out.channels)
      carriedBy.set(node.output[0], out)
    }
  }
  for (const { name } of graph.output) {
    const output = carriedBy.get(name ?? '')
    if (output !== undefined) output.channels.root.removable = false
  }
  return [...new Set(all.map(({ root }) => root))]
    .filter(({ removable }) => removable)
    .map(({ count, makers, readers, axes }) => ({ channels: count, makers, readers, axes }))
}

/**
 * A layer ends the channels it reads and makes new ones, unless it is depthwise; undefined where it is not known how
 * it reads them.
 */
function read(layer: KernelNode, [data]: readonly (Carried | undefined)[]): Carried | undefined {
  const { node, kernel, bias, outputAxis } = layer
  const dims = dimsOf(kernel)
  const isConv = node.opType === 'Conv'
  const groups = intAttribute(node, 'group', 1)
  if (groups !== 1) {
    // Depthwise: each channel has one filter of its own and stays the channel it is.
    const isDepthwise = groups === dims[0] && dims[1] === 1
    const isChannelsFirst = data?.rank === dims.length && data.axis === dims.length - 2
    if (!isDepthwise || !isChannelsFirst || data.channels.count !== groups) return undefined
    data.channels.root.axes.push({ node, input: 1, axis: 0, inner: 1 })
    if (bias !== undefined) data.channels.root.axes.push({ node, input: 2, axis: 0, inner: 1 })
    return data
  }
  const inputAxis = 1 - outputAxis
  if (data !== undefined) {
    const { count } = data.channels
    const wanted = isConv ? dims.length - 2 : 0
    if (data.axis !== wanted || dims[inputAxis] % count !== 0) return undefined
    const inner = data.runs ? dims[inputAxis] / count : 1
    data.channels.root.readers.push(layer)
    data.channels.root.axes.push({ node, input: 1, axis: inputAxis, inner })
  }
  const channels = new Channels(dims[outputAxis])
  channels.makers.push(layer)
  channels.axes.push({ node, input: 1, axis: outputAxis, inner: 1 })
  if (bias !== undefined) channels.axes.push({ node, input: 2, axis: 0, inner: 1 })
  const rank = isConv ? dims.length : node.opType === 'Gemm' ? 2 : data?.rank
  return { channels, axis: isConv ? dims.length - 2 : 0, rank, runs: false }
}

/** What a node other than a layer makes of the channels it reads; undefined where that is not known. */
function passed(
  node: Node,
  carried: readonly (Carried | undefined)[],
  initializers: ReadonlyMap<string, Tensor>,
): Carried | undefined {
  const { opType, input, output } = node
  const [data] = carried
  // Masks and indices are tensors whose channels would have to follow.
  if (output.slice(1).some(tensor => tensor !== '')) return undefined
  if (elementwise.has(opType)) return broadcast(node, carried, initializers)
  if (data === undefined) return undefined
  const { axis, rank, runs, channels } = data
  const isChannelsFirst = rank !== undefined && axis === rank - 2
  if (unary.has(opType)) return data
  if (pooling.has(opType)) return isChannelsFirst ? data : undefined
  switch (opType) {
    case 'BatchNormalization': {
      const parameters = input.slice(1).map(name => initializers.get(name))
      if (!isChannelsFirst || parameters.includes(undefined)) return undefined
      const inner = runs ? dimsOf(parameters[0]!)[0] / channels.count : 1
      channels.root.axes.push(...parameters.map((_, i) => ({ node, input: i + 1, axis: 0, inner })))
      return data
    }
    case 'Transpose': {
      const order = intsAttribute(node, 'perm')
      if (rank === undefined || runs || order?.length !== rank) return undefined
      return { ...data, axis: rank - 1 - order.indexOf(rank - 1 - axis) }
    }
    case 'Flatten':
      return intAttribute(node, 'axis', 1) === 1 ? flattened(data) : undefined
    case 'Reshape': {
      const shape = initializers.get(input[1])
      const sizes = shape === undefined ? [] : Array.from(tensorArray(shape), Number)
      return sizes.length === 2 && sizes[0] === 0 && sizes[1] === -1 ? flattened(data) : undefined
    }
    default:
      return undefined
  }
}

/** Of [N, …] the tensor [N, all the rest]. */
function flattened(data: Carried): Carried | undefined {
  const { axis, rank } = data
  if (rank === undefined) return undefined
  if (rank === 2) return axis === 0 ? data : undefined
  if (axis === 0) return data.runs ? undefined : { ...data, rank: 2 }
  return axis === rank - 2 ? { ...data, axis: 0, rank: 2, runs: true } : undefined
}

/** Operands with channels become one group; a constant has one value for all channels or one for each. */
function broadcast(
  node: Node,
  carried: readonly (Carried | undefined)[],
  initializers: ReadonlyMap<string, Tensor>,
): Carried | undefined {
  const [first, ...others] = carried.filter(operand => operand !== undefined)
  if (first === undefined) return undefined
  const { axis, rank, runs, channels } = first
  const axes: ChannelAxis[] = []
  for (const [input, operand] of carried.entries()) {
    if (operand !== undefined) continue
    const constant = initializers.get(node.input[input])
    if (constant === undefined) return undefined
    const dims = dimsOf(constant)
    if (rank !== undefined && dims.length > rank) return undefined
    const along = dims.length - 1 - axis
    const size = along < 0 ? 1 : dims[along]
    if (size === 1) continue
    if (size % channels.count !== 0) return undefined
    axes.push({ node, input, axis: along, inner: runs ? size / channels.count : 1 })
  }
  const isSame = others.every(
    operand =>
      operand.axis === axis &&
      operand.rank === rank &&
      operand.runs === runs &&
      operand.channels.count === channels.count,
  )
  if (!isSame) return undefined
  for (const operand of others) channels.merge(operand.channels)
  channels.root.axes.push(...axes)
  return first
}

/** Removes channels: `kept` holds, for each group that shrinks, the channels that stay, ascending. */
export function keepChannels(graph: Graph, kept: ReadonlyMap<ChannelGroup, readonly number[]>): void {
  const initializers = initializersOf(graph)
  const fresh = freshNames(graph)
  const shrunk = new Map<Node, Map<number, { dims: number[]; array: TensorArray }>>()
  for (const [{ channels, axes }, channelsKept] of kept) {
    const isKept = new Uint8Array(channels)
    for (const channel of channelsKept) isKept[channel] = 1
    for (const { node, input, axis, inner } of axes) {
      const inputs = shrunk.get(node) ?? new Map()
      shrunk.set(node, inputs)
      const tensor = initializers.get(node.input[input])!
      const { dims, array } = inputs.get(input) ?? { dims: dimsOf(tensor), array: tensorArray(tensor) }
      const indices = Array.from({ length: dims[axis] }, (_, i) => i).filter(
        i => isKept[Math.floor(i / inner) % channels] === 1,
      )
      inputs.set(input, {
        dims: dims.with(axis, indices.length),
        array: takeAlong(array, dims, axis, indices),
      })
    }
  }
  // Layers may share a constant, such as a normalisation's scale of ones, and not its channels.
  const uses = new Map<string, number>()
  for (const { input } of graph.node) for (const name of input) uses.set(name, (uses.get(name) ?? 0) + 1)
  for (const [node, inputs] of shrunk) {
    for (const [input, { dims, array }] of inputs) {
      const name = node.input[input]
      if (uses.get(name) === 1) {
        graph.initializer[graph.initializer.indexOf(initializers.get(name)!)] = tensorOf(name, dims, array)
      } else {
        const own = tensorOf(fresh(`${name}_kept`), dims, array)
        graph.initializer.push(own)
        node.input[input] = own.name
      }
    }
  }
  for (const [node, inputs] of shrunk) {
    const group = node.attribute.find(({ name }) => name === 'group')
    if (group !== undefined && Number(group.i) !== 1) group.i = inputs.get(1)!.dims[0]
  }
  removeUnused(graph)
}

/** The slices of a row-major tensor at these indices of an axis. */
function takeAlong(
  array: TensorArray,
  dims: readonly number[],
  axis: number,
  indices: readonly number[],
): TensorArray {
  const size = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
  const outer = dims.slice(0, axis).reduce((product, dim) => product * dim, 1)
  const taken = array.slice(0, outer * indices.length * size)
  let to = 0
  for (let block = 0; block < outer; block++) {
    for (const index of indices) {
      const from = (block * dims[axis] + index) * size
      taken.set(array.subarray(from, from + size) as never, to)
      to += size
    }
  }
  return taken
}
