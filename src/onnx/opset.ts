/** Raising the opset that a model imports, where its operators mean the same in the newer one. */
import { DataError } from '../errors.js'
import { type Model, opsetOf } from './model.js'

/** The first version of the ONNX file format that may import an opset. */
const irVersions: Readonly<Record<number, number>> = { 21: 10 }

/** What reads as before no longer: since when, and which of the operator's nodes. */
const changed: readonly { readonly since: number; readonly operators: RegExp; readonly inputs: number }[] = [
  // Axes became an input.
  { since: 18, operators: /^Reduce(L1|L2|LogSum|LogSumExp|Max|Mean|Min|Prod|SumSquare)$/, inputs: 1 },
  // A number of outputs must be named where the sizes are not.
  { since: 18, operators: /^Split$/, inputs: 1 },
]

/**
 * Makes the model import at least this opset.
 *
 * @throws DataError naming a node whose operator would be read differently
 */
export function raiseOpset(model: Model, wanted: 21): void {
  const opset = opsetOf(model)!
  if (opset >= wanted) return
  for (const { opType, domain, name, input, attribute } of model.graph.node) {
    if (domain !== '' && domain !== 'ai.onnx') continue
    const change = changed.find(
      ({ since, operators, inputs }) => since > opset && operators.test(opType) && input.length === inputs,
    )
    if (change === undefined || (attribute.length === 0 && opType !== 'Split')) continue
    throw new DataError(`node "${name}" (${opType}) means something else from opset ${change.since} on`, {
      key: name,
      mend: `Export the model with opset ${wanted}.`,
    })
  }
  for (const imported of model.opsetImport) {
    if (imported.domain === '' || imported.domain === 'ai.onnx') imported.version = wanted
  }
  model.irVersion = Math.max(Number(model.irVersion), irVersions[wanted]!)
}
