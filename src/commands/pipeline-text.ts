/** The commented pipeline that `pieline init` writes. */
import { basename, dirname, extname, relative, resolve, sep } from 'node:path'
import { stringify } from 'yaml'
import type { DatasetFindings } from '../dataset/findings.js'
import type { InputShape } from '../model/architecture.js'
import type { DatasetConfig } from '../pipeline/config.js'
import { recommendModel, recommendPopulation } from '../pipeline/recommend.js'
import { counted } from '../report/format.js'

/** Share of the training data held out where there is no test data. */
const testShare = 0.2

/**
 * @param path what the user named
 * @param format how the data set turned out to lie on disk
 */
export function pipelineText(
  path: string,
  dataset: DatasetConfig,
  format: string,
  input: InputShape,
  { train, test, classes, unusable }: DatasetFindings,
): string {
  const model = recommendModel(input, train)
  const { architecture, width, epochs, batchSize, flip } = model
  const { seeds, crossFit } = recommendPopulation(model, input, {
    heldOut: test === 0 ? Math.floor(testShare * train) : test,
    smallestClass: Math.min(...classes.map(({ examples }) => examples)),
  })
  const value = (text: unknown) =>
    stringify(text, { lineWidth: 0, collectionStyle: 'flow', flowCollectionPadding: false }).trim()
  const lines = [
    `# Finds the labels of this data set that deserve a second look: pieline run`,
    `# ${counted(train, 'training example')}, ${counted(classes.length, 'class', 'classes')}; ${inputText(input)}.`,
    `name: ${value(nameOf(path, dataset))}`,
    '',
    'dataset:',
    `  format: ${format}`,
    `  path: ${value(fromHere(dataset.path))}`,
    ...(dataset.test === undefined
      ? [
          `  testShare: ${testShare}        # held out, never trained on; better: "test:" with data of its own`,
        ]
      : [`  test: ${value(fromHere(dataset.test))}`]),
    ...(format === 'folder' ? [] : [`  label: ${value(dataset.label)}`]),
    ...(dataset.trueLabel === undefined
      ? []
      : [`  trueLabel: ${value(dataset.trueLabel)}   # the known truth: only ever read to score the run`]),
    ...(dataset.id === undefined ? [] : [`  id: ${value(dataset.id)}`]),
    ...(dataset.text === undefined
      ? []
      : [
          `  text: ${value(dataset.text.length === 1 ? dataset.text[0] : dataset.text)}   # what people read in report and review; networks do not see it`,
        ]),
    unusable.length > 0
      ? `  onBadExample: skip      # ${counted(unusable.length, 'odd example')}; skipped.parquet will list them`
      : '  # onBadExample: skip    # list undecodable images and missing labels in skipped.parquet instead of stopping',
    '',
    'model:',
    `  architecture: ${architecture}   # mlp, cnn-small, cnn-fast, or wrn-<depth>-<width> such as wrn-16-1`,
    ...(width === 1 ? [] : [`  width: ${width}             # factor on the number of filters`]),
    `  epochs: ${epochs}`,
    `  batchSize: ${batchSize}`,
    ...(flip === undefined
      ? []
      : [
          `  flip: ${flip}              # mirrored characters are others; remove where left and right do not matter`,
        ]),
    '',
    'population:',
    `  seeds: ${seeds}        # members at each level of compression; more give steadier verdicts`,
    ...(crossFit > 0
      ? [`  crossFit: ${crossFit}     # folds: every label is judged by members that did not train on it`]
      : [
          '  crossFit: 0     # all learn from every label: too short a training to memorize them, so that all can judge',
          '',
          'predict:',
          '  mirror: true    # shows every picture mirrored as well; remove where left and right matter',
        ]),
    '',
    'compress:',
    '  - { method: magnitude, sparsity: [0.5, 0.9], start: branch }',
    '  - { method: int8-static }',
    '  # - { method: float16 }',
    '  # - { method: int8-dynamic }',
    '',
    ...(test === 0 && train * testShare < 20
      ? []
      : [
          'retrain:             # compares training with and without the suspicious examples, on the test data',
          '  seeds: 3',
          '  arms: [all, cleaned, relabeled]   # also: non-pie, random',
        ]),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

/** What the networks see, in words. */
export function inputText(input: InputShape): string {
  if (input.kind === 'features') return counted(input.features, 'numeric feature')
  return `images, ${input.width}×${input.height}, ${input.channels === 1 ? 'grey' : 'colour'}`
}

/** A path from the folder in which the pipeline is written, where it does not lead far away. */
function fromHere(path: string): string {
  const short = relative('.', path)
  if (short === '') return '.'
  return short.startsWith('..') && short.length > path.length ? path : short.split(sep).join('/')
}

/** The data's own name, or that of the folder around it where it is only called train. */
function nameOf(path: string, dataset: DatasetConfig): string {
  const absolute = resolve(dataset.path)
  const stem = basename(absolute, extname(absolute)).replace(/[*?{}[\]]/g, '')
  const isPart =
    /^train(ing)?\b/i.test(stem) || (/^(data|images?)$/i.test(stem) && resolve(path) !== absolute)
  const name = (isPart ? basename(dirname(absolute)) : stem)
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
  return name === '' || name === 'store' ? 'data' : name
}
