/** A pipeline at a share of its work, for machines smaller than the one it was written for. */
import { ConfigError } from '../errors.js'
import type { Pipeline } from './config.js'
import { isPruning } from './levels.js'

/** Welch's test needs two members a level; with three it has more than one degree of freedom to lose. */
const fewestSeeds = 3

/**
 * The pipeline at a share of its work. Work grows with the number of seeds, with that of examples, and with the
 * square of the width, so seeds, examples and width are each multiplied by the fourth root of the share. Seeds do
 * not fall below 3, nor below the folds of a cross-fit, where there were that many. Epochs, batch size and rates stay;
 * masks are updated as often in training as before, which has fewer steps now. Test data are all kept.
 *
 * @param share of the work, in (0, 1]; 1 changes nothing
 * @param trainExamples training examples that the pipeline reads
 * @throws ConfigError if the share is not in (0, 1]
 */
export function scalePipeline(pipeline: Pipeline, share: number, trainExamples: number): Pipeline {
  if (!(share > 0 && share <= 1)) {
    throw new ConfigError(`must be more than 0 and at most 1, is ${share}`, { key: '--scale' })
  }
  if (share === 1) return pipeline
  const factor = share ** 0.25
  const { dataset, model, population, retrain, compress } = pipeline
  const seedsOf = (seeds: number, fewest: number) =>
    Math.max(Math.min(seeds, fewest), Math.round(seeds * factor))
  return {
    ...pipeline,
    dataset: { ...dataset, limit: Math.max(1, Math.round(trainExamples * factor)) },
    model: { ...model, width: model.width * factor },
    population: {
      ...population,
      seeds: seedsOf(population.seeds, Math.max(fewestSeeds, population.crossFit)),
    },
    compress: compress.map(config =>
      isPruning(config)
        ? { ...config, frequency: Math.max(1, Math.round(config.frequency * factor)) }
        : config,
    ),
    ...(retrain && {
      retrain: {
        ...retrain,
        seeds: seedsOf(retrain.seeds, fewestSeeds),
        ...(retrain.model?.width !== undefined && {
          model: { ...retrain.model, width: retrain.model.width * factor },
        }),
      },
    }),
  }
}
