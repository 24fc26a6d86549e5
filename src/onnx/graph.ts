/** Writes ONNX graphs node by node: names outputs, shares equal constants, encodes attributes. */
import onnxProto from 'onnx-proto'

const { onnx } = onnxProto

export type ElementType = 'float32' | 'uint8' | 'int32' | 'int64' | 'bool'

const dataTypes: Record<ElementType, number> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 }

/** A subgraph as a node's attribute, such as the body of a Scan. */
export interface GraphAttribute {
  readonly graph: GraphBuilder
}

/** Integers become INT, other numbers FLOAT; force FLOAT with `{ float: 1 }`. */
export type Attribute = number | string | readonly number[] | { readonly float: number } | GraphAttribute

export type Dimension = number | string

function encodeAttribute(name: string, value: Attribute): onnxProto.onnx.IAttributeProto {
  const { AttributeType } = onnx.AttributeProto
  if (typeof value === 'number') {
    return Number.isInteger(value)
      ? { name, type: AttributeType.INT, i: value }
      : { name, type: AttributeType.FLOAT, f: value }
  }
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: Buffer.from(value) }
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float }
  if ('graph' in value) return { name, type: AttributeType.GRAPH, g: value.graph.proto('body') }
  return { name, type: AttributeType.INTS, ints: [...value] }
}

/**
 * One ONNX graph in the making. A body graph names its tensors with a prefix of its own, since it may read the
 * tensors of the graph around it.
 */
export class GraphBuilder {
  readonly #nodes: onnxProto.onnx.INodeProto[] = []
  readonly #initializers: onnxProto.onnx.ITensorProto[] = []
  readonly #inputs: onnxProto.onnx.IValueInfoProto[] = []
  readonly #outputs: onnxProto.onnx.IValueInfoProto[] = []
  readonly #shared = new Map<string, string>()
  readonly #prefix: string
  #count = 0

  constructor(prefix = '') {
    this.#prefix = prefix
  }

  /** Adds a node and returns the name of its output. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output?: string,
  ): string {
    return this.nodes(opType, inputs, attributes, output === undefined ? 1 : [output])[0]!
  }

  /** Adds a node of several outputs and returns their names. */
  nodes(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
    outputs: number | readonly string[],
    domain = '',
  ): string[] {
    const names =
      typeof outputs === 'number' ? Array.from({ length: outputs }, () => this.#fresh(opType)) : [...outputs]
    this.#nodes.push({
      opType,
      domain,
      name: this.#fresh(`${opType}_node`),
      input: [...inputs],
      output: names,
      attribute: Object.entries(attributes).map(([name, value]) => encodeAttribute(name, value)),
    })
    return names
  }

  /** A named tensor stored in the model. */
  initializer(
    name: string,
    type: ElementType,
    shape: readonly number[],
    data: Float32Array | Uint8Array | Int32Array | BigInt64Array,
  ): string {
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    this.#initializers.push({ name, dims: [...shape], dataType: dataTypes[type], rawData })
    return name
  }

  /** A float constant; equal ones are stored once. */
  scalar(value: number): string {
    return this.#share(`f:${value}`, name => this.initializer(name, 'float32', [], Float32Array.of(value)))
  }

  /** A float vector or matrix constant. */
  floats(data: Float32Array, shape: readonly number[] = [data.length]): string {
    return this.initializer(this.#fresh('constant'), 'float32', shape, data)
  }

  /** An int64 vector, such as a shape or axes; equal ones are stored once. */
  int64(values: readonly number[]): string {
    return this.#share(`i64:${values.join()}`, name =>
      this.initializer(name, 'int64', [values.length], BigInt64Array.from(values, BigInt)),
    )
  }

  /** An int32 constant under a key of the caller's choice: the second call with this key stores nothing. */
  int32(key: string, make: () => Int32Array): string {
    return this.#share(`i32:${key}`, name => {
      const data = make()
      return this.initializer(name, 'int32', [data.length], data)
    })
  }

  zeros(shape: readonly number[]): string {
    return this.#share(`zeros:${shape.join()}`, name =>
      this.initializer(name, 'float32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1))),
    )
  }

  /** A row of floats that are all the same, [1, …]; equal ones are stored once. */
  filled(value: number, shape: readonly number[]): string {
    return this.#share(`filled:${value}:${shape.join()}`, name =>
      this.initializer(
        name,
        'float32',
        shape,
        new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
      ),
    )
  }

  reshape(tensor: string, shape: readonly number[]): string {
    return this.node('Reshape', [tensor, this.int64(shape)])
  }

  input(name: string, type: ElementType, shape: readonly Dimension[]): string {
    this.#inputs.push(valueInfo(name, type, shape))
    return name
  }

  /** Declares `tensor` an output of the graph under the name `name`. */
  output(name: string, type: ElementType, shape: readonly Dimension[], tensor?: string): string {
    if (tensor !== undefined) this.node('Identity', [tensor], {}, name)
    this.#outputs.push(valueInfo(name, type, shape))
    return name
  }

  proto(name: string): onnxProto.onnx.IGraphProto {
    return {
      name,
      node: this.#nodes,
      initializer: this.#initializers,
      input: this.#inputs,
      output: this.#outputs,
    }
  }

  /** The model's bytes. `metadata` is written in the order given. */
  encode(name: string, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    const model = onnx.ModelProto.fromObject({
      irVersion: 8,
      producerName: 'pieline',
      opsetImport: [
        { domain: '', version: 17 },
        ...(this.#usesMicrosoftOperators() ? [{ domain: 'com.microsoft', version: 1 }] : []),
      ],
      graph: this.proto(name),
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    })
    return onnx.ModelProto.encode(model).finish()
  }

  #usesMicrosoftOperators(): boolean {
    const foreign = (nodes: readonly onnxProto.onnx.INodeProto[]): boolean =>
      nodes.some(
        node =>
          node.domain === 'com.microsoft' ||
          (node.attribute ?? []).some(attribute => foreign(attribute.g?.node ?? [])),
      )
    return foreign(this.#nodes)
  }

  #fresh(stem: string): string {
    this.#count++
    return `${this.#prefix}${stem}_${this.#count}`
  }

  #share(key: string, make: (name: string) => string): string {
    let name = this.#shared.get(key)
    if (name === undefined) {
      name = make(this.#fresh('constant'))
      this.#shared.set(key, name)
    }
    return name
  }
}

function valueInfo(
  name: string,
  type: ElementType,
  shape: readonly Dimension[],
): onnxProto.onnx.IValueInfoProto {
  const dim = shape.map(size => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }))
  return { name, type: { tensorType: { elemType: dataTypes[type], shape: { dim } } } }
}
