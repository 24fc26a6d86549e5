import type { Layer } from '../../../model/architecture.js'
import type { Activation, Emitted, StepContext } from './layer.js'

export function emitActivation(
  context: StepContext,
  layer: Extract<Layer, { kind: 'activation' }>,
  input: Activation,
): Emitted {
  return layer.function === 'relu' ? emitRelu(context, input) : emitGelu(context, input)
}

function emitRelu({ graph }: StepContext, input: Activation): Emitted {
  const tensor = graph.node('Relu', [input.tensor])
  return {
    output: { ...input, tensor },
    backward(gradient) {
      // Greater and Cast are vectorised in ONNX Runtime, Sign is not.
      const active = graph.node('Greater', [tensor, graph.scalar(0)])
      return graph.node('Mul', [gradient, graph.node('Cast', [active], { to: 1 })])
    },
  }
}

/** x Φ(x) with the exact error function (Hendrycks and Gimpel 2016, arXiv 1606.08415). */
function emitGelu({ graph }: StepContext, input: Activation): Emitted {
  if (!input.differentiable) {
    const tensor = graph.nodes('Gelu', [input.tensor], {}, 1, 'com.microsoft')[0]!
    return { output: { ...input, tensor }, backward: () => undefined }
  }
  const x = input.tensor
  const erf = graph.node('Erf', [graph.node('Mul', [x, graph.scalar(Math.SQRT1_2)])])
  const cumulative = graph.node('Add', [graph.node('Mul', [erf, graph.scalar(0.5)]), graph.scalar(0.5)])
  return {
    output: { ...input, tensor: graph.node('Mul', [x, cumulative]) },
    backward(gradient) {
      // d/dx x Φ(x) = Φ(x) + x φ(x)
      const exponent = graph.node('Mul', [graph.node('Mul', [x, x]), graph.scalar(-0.5)])
      const density = graph.node('Mul', [
        graph.node('Exp', [exponent]),
        graph.scalar(1 / Math.sqrt(2 * Math.PI)),
      ])
      const slope = graph.node('Add', [graph.node('Mul', [x, density]), cumulative])
      return graph.node('Mul', [gradient, slope])
    },
  }
}
