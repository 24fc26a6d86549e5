/** How much a pipeline will compute, from the network's layers, before any of it is computed. */

import { corruptionNames } from '../corruptions/names.js'
import type { Architecture, InputShape } from '../model/architecture.js'
import { buildArchitecture } from '../model/architectures/index.js'
import { elements, inputShapeOf, outputShape } from '../model/shapes.js'
import { walkLayers } from '../model/weights.js'
import { type ModelConfig, type Pipeline, type RobustnessConfig, retrainModel } from './config.js'
import { awareOf, isPruning, levelsOf, prunedLevelName, untunedLevelName } from './levels.js'
import type { StageName } from './stage.js'

/** What an estimate must know of the data. */
export interface DatasetShape {
  readonly input: InputShape
  readonly classes: number
  readonly trainExamples: number
  readonly testExamples: number
}

/** Floating-point operations of one forward pass over one example: two for each multiplication with a weight. */
export function forwardFlops(architecture: Architecture): number {
  let flops = 0
  walkLayers(architecture.layers, inputShapeOf(architecture.input), (layer, shape) => {
    if (layer.kind === 'dense') flops += 2 * elements(shape) * layer.units
    if (layer.kind === 'conv2d') {
      const channels = shape[shape.length - 1]
      flops += 2 * layer.kernel ** 2 * channels * elements(outputShape(layer, shape))
    }
  })
  return flops
}

/** The backward pass costs two forward ones: one for the gradient of the inputs, one for that of the weights. */
export const trainingFactor = 3

/** Floating-point operations that each stage will take; stages that compute no network are left out. */
export function estimate(pipeline: Pipeline, dataset: DatasetShape): Partial<Record<StageName, number>> {
  const { model, population, retrain, robustness } = pipeline
  const { input, classes, trainExamples, testExamples } = dataset
  const normalization = { mean: new Float32Array(), deviation: new Float32Array() }
  const forwardOf = ({ architecture, width, dropout }: ModelConfig) =>
    forwardFlops(buildArchitecture(architecture, normalization, { input, classes, width, dropout }))
  /** For each example. */
  const training = (model: ModelConfig) => trainingFactor * forwardOf(model) * model.epochs
  const forward = forwardOf(model)
  const levels = levelsOf(pipeline)
  const share = population.crossFit > 0 ? 1 - 1 / population.crossFit : 1
  const member = training(model) * trainExamples * share
  // In dense members. A sparse member that branches from its dense one is trained only from there
  // on, and once, whether or not a level quantizes it.
  const trained = new Map<string, number>()
  for (const { config, sparsity } of levels) {
    if (!isPruning(config)) continue
    if (config.when === 'training') {
      trained.set(untunedLevelName(config, sparsity), config.start === 'branch' ? 1 - config.begin : 1)
    }
    if (config.fineTuneEpochs > 0) {
      trained.set(`fine-tuned ${prunedLevelName(config, sparsity)}`, config.fineTuneEpochs / model.epochs)
    }
  }
  const sparse = [...trained.values()].reduce((sum, cost) => sum + cost, 0)
  const aware = levels.reduce((sum, { config }) => sum + 1 - (awareOf(config)?.begin ?? 1), 0)
  return {
    // What models from elsewhere take is not known before they are opened.
    ...(population.models === undefined && {
      train: population.seeds * member,
      compress: population.seeds * (sparse + aware) * member,
      predict: population.seeds * levels.length * forward * (trainExamples + testExamples),
    }),
    ...(robustness &&
      population.models === undefined && {
        robustness: population.seeds * levels.length * forward * corruptedPictures(robustness, testExamples),
      }),
    ...(retrain && {
      retrain: retrain.seeds * retrain.arms.length * training(retrainModel(pipeline)) * trainExamples,
    }),
  }
}

/** Pictures that each member sees, clean ones included; of natural sets at most as many as are asked for. */
function corruptedPictures(config: RobustnessConfig, testExamples: number): number {
  const { corruptions, severities, examples, natural } = config
  const kinds = (corruptions === 'all' ? corruptionNames : corruptions).length
  return (kinds * severities.length + 1) * Math.min(examples, testExamples) + natural.length * examples
}
