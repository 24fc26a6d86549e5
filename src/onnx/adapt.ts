/**
 * A model from anywhere in the form of a member: what it expects of its input and gives as its output becomes part of
 * the graph, so that its file, like every member's, takes pictures as [N, C, H, W] in 0 … 1 or features as they are.
 * A classifier gives logits in the order of the data set's classes, a backbone one row of features an example.
 */
import onnxProto from 'onnx-proto'
import {
  dataTypeOf,
  freshNames,
  type Model,
  type Node,
  nodeOf,
  opsetOf,
  producersOf,
  removeUnused,
  tensorOf,
} from './model.js'

const { ValueInfoProto, StringStringEntryProto } = onnxProto.onnx

/** Element types of an input, with the number that ONNX gives each. */
export const inputTypes = { float32: 1, uint8: 2, float16: 10, float64: 11 } as const
export type InputType = keyof typeof inputTypes

/** v = (pixel · scale − mean) / deviation, with pixel in 0 … 1 and one mean and deviation a channel, one for all, or none. */
export interface Preprocessing {
  readonly scale: number
  readonly mean: readonly number[]
  readonly deviation: readonly number[]
  readonly order: 'rgb' | 'bgr'
}

/** What a model from elsewhere takes. */
export interface ForeignInput {
  readonly input: string
  readonly type: InputType
  /** `features`: [N, features]. */
  readonly layout: 'nchw' | 'nhwc' | 'features'
  /** Size of the batch where it is fixed. */
  readonly batch: number | undefined
}

/** What is known of a classifier from elsewhere. */
export interface ForeignModel extends ForeignInput {
  readonly output: string
  readonly form: 'logits' | 'probabilities'
}

/** What is known of a backbone from elsewhere. */
export interface ForeignBackbone extends ForeignInput {
  readonly output: string
  /**
   * How the output becomes one row an example: it is one (`flatten`), it is the mean over all positions or tokens, or
   * the first token.
   */
  readonly pool: 'flatten' | 'first' | { readonly meanOver: readonly number[] }
  /** Features of an example. */
  readonly size: number
}

export interface InputForm {
  /** [channels, height, width] or [features]. */
  readonly shape: readonly number[]
  readonly preprocessing: Preprocessing
}

export interface MemberForm extends InputForm {
  /** Index of the output that belongs to each class of the data set; absent: the same order. */
  readonly order?: readonly number[]
  readonly classNames: readonly string[]
}

/** What stands for p in log p where p is 0: as in `predictions/forms.ts`, the least normal float32. */
const least = 2 ** -126

/** Changes the model into a member; it must be one that {@link ForeignModel} describes. */
export function adaptModel(model: Model, found: ForeignModel, form: MemberForm): void {
  liftConstants(model)
  if (finalSoftmax(model, found.output) !== undefined) removeSoftmax(model, found.output)
  surround(model, found, form, { stem: 'logits', size: form.classNames.length }, (logits, names) =>
    postprocess(found, form, logits, names),
  )
  model.metadataProps = [
    ...model.metadataProps.filter(({ key }) => key !== 'classes'),
    StringStringEntryProto.create({ key: 'classes', value: JSON.stringify(form.classNames) }),
  ]
}

/** Changes the model so that it gives features, [N, size]; it must be one that {@link ForeignBackbone} describes. */
export function adaptBackbone(model: Model, found: ForeignBackbone, form: InputForm): void {
  const { output, pool, size } = found
  // From opset 18 on the axes are an input.
  const axesAreInput = opsetOf(model)! >= 18
  surround(model, found, form, { stem: 'features', size }, (features, { fresh, constant }) => {
    const float = fresh('float')
    const cast = nodeOf('Cast', [output], [float], { to: dataTypeOf('float32') })
    if (pool === 'flatten') return [cast, nodeOf('Flatten', [float], [features], { axis: 1 })]
    if (pool === 'first') {
      const token = constant('token', [], BigInt64Array.of(0n))
      return [cast, nodeOf('Gather', [float, token], [features], { axis: 1 })]
    }
    const axes = [...pool.meanOver]
    return [
      cast,
      axesAreInput
        ? nodeOf(
            'ReduceMean',
            [float, constant('axes', [axes.length], BigInt64Array.from(axes, BigInt))],
            [features],
            { keepdims: 0 },
          )
        : nodeOf('ReduceMean', [float], [features], { axes, keepdims: 0 }),
    ]
  })
  removeUnused(model.graph)
}

interface Names {
  readonly fresh: (stem: string) => string
  readonly constant: Constant
}

/** Puts nodes before the input and behind the output, which become the graph's only ones. */
function surround(
  { graph }: Model,
  found: ForeignInput,
  form: InputForm,
  { stem, size }: { readonly stem: string; readonly size: number },
  behind: (result: string, names: Names) => Node[],
): void {
  const fresh = freshNames(graph)
  const constant = (stem: string, dims: readonly number[], array: Float32Array | BigInt64Array): string => {
    const name = fresh(stem)
    graph.initializer.push(tensorOf(name, dims, array))
    return name
  }
  const batch = found.batch ?? 'N'
  const pixels = fresh('pixels')
  const before = preprocess(found, form, pixels, fresh, constant)
  const result = fresh(stem)
  const after = behind(result, { fresh, constant })
  graph.node = [...before, ...graph.node, ...after]
  graph.input = [valueInfo(pixels, [batch, ...form.shape])]
  graph.output = [valueInfo(result, [batch, size])]
}

/** Names of the classes in the order of the output, where the file's metadata have them as a JSON list. */
export function classesOf(model: Model): string[] | undefined {
  const text = model.metadataProps.find(({ key }) => key === 'classes')?.value
  try {
    const value: unknown = JSON.parse(text ?? '')
    return Array.isArray(value) && value.every(name => typeof name === 'string') ? value : undefined
  } catch {
    return undefined
  }
}

/** The softmax whose result the output is, but for its shape or type. */
export function finalSoftmax(model: Model, output: string): Node | undefined {
  const node = lastNode(model, output)
  return node?.opType === 'Softmax' ? node : undefined
}

/** Whether the output is that of a sigmoid a class, which are neither probabilities nor logits of one choice. */
export function endsInSigmoid(model: Model, output: string): boolean {
  return lastNode(model, output)?.opType === 'Sigmoid'
}

/** The node that computes the output, past those that only change its shape, type or name. */
function lastNode({ graph }: Model, output: string): Node | undefined {
  const producers = producersOf(graph)
  const passing = new Set(['Identity', 'Cast', 'Flatten', 'Reshape', 'Squeeze'])
  let node = producers.get(output)
  while (node !== undefined && passing.has(node.opType)) node = producers.get(node.input[0] ?? '')
  return node
}

function removeSoftmax(model: Model, output: string): void {
  const softmax = finalSoftmax(model, output)!
  softmax.opType = 'Identity'
  softmax.attribute = []
}

/** Weights that stand in the graph as Constant nodes become initializers, where they are found. */
export function liftConstants({ graph }: Model): void {
  graph.node = graph.node.filter(({ opType, attribute, output }) => {
    const tensor = attribute.find(({ name }) => name === 'value')?.t
    if (opType !== 'Constant' || tensor == null) return true
    graph.initializer.push(
      Object.assign(Object.create(Object.getPrototypeOf(tensor)), tensor, { name: output[0] }),
    )
    return false
  })
}

type Constant = (stem: string, dims: readonly number[], array: Float32Array | BigInt64Array) => string

function preprocess(
  { input, type, layout }: ForeignInput,
  { shape, preprocessing }: InputForm,
  pixels: string,
  fresh: (stem: string) => string,
  constant: Constant,
): Node[] {
  const { scale, mean, deviation, order } = preprocessing
  const channels = shape[0]!
  const perChannel = (length: number) => (shape.length === 3 ? [1, length, 1, 1] : [1, length])
  const steps: {
    readonly opType: string
    readonly with?: string
    readonly attributes?: Parameters<typeof nodeOf>[3]
  }[] = []
  if (order === 'bgr') {
    const indices = constant(
      'bgr',
      [channels],
      BigInt64Array.from({ length: channels }, (_, c) => BigInt(channels - 1 - c)),
    )
    steps.push({ opType: 'Gather', with: indices, attributes: { axis: 1 } })
  }
  if (scale !== 1) steps.push({ opType: 'Mul', with: constant('scale', [], Float32Array.of(scale)) })
  // byte / 255 · 255 is a little off where the byte is meant.
  if (scale === 255) steps.push({ opType: 'Round' })
  if (mean.length > 0)
    steps.push({ opType: 'Sub', with: constant('mean', perChannel(mean.length), Float32Array.from(mean)) })
  if (deviation.length > 0) {
    steps.push({
      opType: 'Div',
      with: constant('deviation', perChannel(deviation.length), Float32Array.from(deviation)),
    })
  }
  if (layout === 'nhwc') steps.push({ opType: 'Transpose', attributes: { perm: [0, 2, 3, 1] } })
  if (type !== 'float32') steps.push({ opType: 'Cast', attributes: { to: inputTypes[type] } })
  if (steps.length === 0) steps.push({ opType: 'Identity' })
  let tensor = pixels
  return steps.map(({ opType, with: other, attributes = {} }, at) => {
    const output = at === steps.length - 1 ? input : fresh(opType.toLowerCase())
    const node = nodeOf(opType, other === undefined ? [tensor] : [tensor, other], [output], attributes)
    node.name = fresh(`preprocess_${opType}`)
    tensor = output
    return node
  })
}

function postprocess(
  { output, form }: ForeignModel,
  { order }: MemberForm,
  logits: string,
  { fresh, constant }: Names,
): Node[] {
  const nodes: Node[] = []
  let tensor = output
  const add = (opType: string, inputs: readonly string[], attributes: Parameters<typeof nodeOf>[3] = {}) => {
    const result = fresh(opType.toLowerCase())
    nodes.push(nodeOf(opType, inputs, [result], attributes))
    tensor = result
  }
  add('Flatten', [tensor], { axis: 1 })
  add('Cast', [tensor], { to: dataTypeOf('float32') })
  if (form === 'probabilities') {
    add('Max', [tensor, constant('least', [], Float32Array.of(least))])
    add('Log', [tensor])
  }
  if (order !== undefined) {
    add('Gather', [tensor, constant('order', [order.length], BigInt64Array.from(order, BigInt))], { axis: 1 })
  }
  nodes.push(nodeOf('Identity', [tensor], [logits]))
  return nodes
}

function valueInfo(name: string, dims: readonly (number | string)[]) {
  return ValueInfoProto.fromObject({
    name,
    type: {
      tensorType: {
        elemType: dataTypeOf('float32'),
        shape: {
          dim: dims.map(dim => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })),
        },
      },
    },
  })
}
