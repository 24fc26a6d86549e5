/** The pipeline file's schema. Every default is written here and nowhere else. */
import { z } from 'zod'
import { corruptionNames } from '../corruptions/names.js'

const positive = z.number().int().positive()
const share = z.number().min(0).max(1)
const sparsities = z
  .union([share, z.array(share).min(1)])
  .transform(value => (Array.isArray(value) ? value : [value]))

export const datasetFormats = [
  'parquet',
  'arrow',
  'csv',
  'folder',
  'cifar',
  'idx',
  'npy',
  'celeba',
  'coco',
  'label-studio',
  'imagefolder',
] as const

const dataset = z.strictObject({
  format: z.enum(datasetFormats).optional().describe('layout of the data; found from the path when absent'),
  path: z.string().describe('training data: a file, several shards by a glob, or a folder'),
  test: z.string().optional().describe('held-out data in the same layout, never trained on'),
  testShare: share.default(0).describe('share of the training data held out when there is no `test`'),
  labels: z
    .string()
    .optional()
    .describe('file of the labels, for `idx` and `npy`; found by its name beside `path` when absent'),
  testLabels: z.string().optional().describe('the same for `test`'),
  label: z.string().default('label').describe('column of the given label'),
  image: z.string().optional().describe('column of the image or of its path; found when absent'),
  features: z
    .array(z.string())
    .optional()
    .describe('numeric columns to learn from; all but the others when absent'),
  text: z
    .union([z.string(), z.array(z.string()).min(1)])
    .transform(value => (Array.isArray(value) ? value : [value]))
    .optional()
    .describe(
      'column of a text that people see with the example, or several, each shown with its name; networks learn from its embedding or picture',
    ),
  id: z.string().optional().describe('column of a stable id; the image path or a content hash when absent'),
  trueLabel: z
    .string()
    .optional()
    .describe('column of the known truth, only ever read to score the run (null: belongs to no class)'),
  groups: z.array(z.string()).default([]).describe('columns of subgroup attributes'),
  classNames: z.array(z.string()).optional().describe('names of the classes in order of their index'),
  size: positive
    .optional()
    .describe('side in pixels to which images are resized; their own size when absent'),
  channels: z
    .union([z.literal(1), z.literal(3)])
    .optional()
    .describe('1 grey, 3 colour; found when absent'),
  limit: positive.optional().describe('read only the first N training examples'),
  onBadExample: z
    .enum(['fail', 'skip'])
    .default('fail')
    .describe('at a damaged example: stop, or leave it out and list it in `skipped.parquet`'),
  allowOutside: z
    .boolean()
    .optional()
    .describe('whether paths and links in the data may lead out of their folder, for data that you trust'),
})

/** Preprocessing under the names that people know it by. */
const presets = ['unit', 'bytes', 'signed', 'imagenet', 'caffe'] as const

const layout = z.enum(['nchw', 'nhwc']).optional().describe('order of the input’s axes; found from its shape')

const preprocess = z
  .union([
    z.enum(presets),
    z.strictObject({
      scale: z.number().positive().default(1).describe('value of a white pixel: 1, or 255'),
      mean: z.array(z.number()).default([]).describe('what is taken off each channel, in units of `scale`'),
      deviation: z.array(z.number().positive()).default([]).describe('what each channel is divided by then'),
      order: z.enum(['rgb', 'bgr']).default('rgb').describe('order of the colours'),
    }),
  ])
  .default('unit')
  .describe(
    'what the models expect of a pixel: 0…1, 0…255, −1…1, the mean and deviation of ImageNet, or Caffe’s form',
  )

const backbone = z.strictObject({
  path: z.string().describe('the ONNX file'),
  layout,
  preprocess,
  cut: z
    .boolean()
    .default(false)
    .describe(
      'take the input of its last dense layer: of a classifier, what it knows before it names a class',
    ),
  output: z.string().optional().describe('name of the output; needed where several fit'),
  pool: z
    .enum(['first', 'mean'])
    .optional()
    .describe(
      'of an output [N, tokens, size]: its first token, which stands for the class, or the mean of all',
    ),
})

const schedule = z.enum(['constant', 'cosine', 'step', 'triangular'])

const model = z
  .strictObject({
    architecture: z
      .string()
      .optional()
      .describe(
        'linear, mlp, cnn-small, cnn-fast, wrn-<depth>-<width>, resnet-18, resnet-50, or these two with -small; when absent cnn-small, or linear on a backbone',
      ),
    backbone: z
      .union([z.string().transform(path => backbone.parse({ path })), backbone])
      .optional()
      .describe(
        'a trained network, by its file or with settings, whose features the members learn from in the place of pictures',
      ),
    width: z.number().positive().default(1).describe('factor on the number of filters'),
    epochs: z.number().positive().default(8).describe('passes over the training data; may be a fraction'),
    batchSize: positive.default(128).describe('examples a step'),
    learningRate: z
      .number()
      .positive()
      .optional()
      .describe('peak rate; when absent the architecture’s own, which grows with the batch size'),
    schedule: schedule.optional().describe('the architecture’s own when absent'),
    warmupEpochs: z.number().min(0).optional().describe('epochs over which the rate rises from 0'),
    stepAt: z
      .array(share)
      .default([0.5, 0.75])
      .describe('for `step`: shares of training at which the rate falls'),
    stepFactor: share.default(0.1).describe('for `step`: what the rate is multiplied by'),
    momentum: share.optional().describe('of stochastic gradient descent'),
    nesterov: z.boolean().default(true).describe('Nesterov’s form of momentum'),
    weightDecay: z.number().min(0).optional().describe('L2 penalty on kernels'),
    labelSmoothing: share.optional().describe('share of the target spread over all classes'),
    dropout: share.default(0).describe('share of units dropped before dense layers (mlp, cnn-small)'),
    flip: z
      .enum(['none', 'random', 'alternating'])
      .optional()
      .describe('mirror pictures left to right; the architecture’s own when absent'),
    shift: z.number().int().min(0).optional().describe('largest random shift in pixels'),
    lookahead: z
      .boolean()
      .optional()
      .describe(
        'draw weights back to their running mean every 5 steps, further as training goes on; the architecture’s own when absent',
      ),
  })
  .transform(({ architecture, ...settings }) => ({
    architecture: architecture ?? (settings.backbone === undefined ? 'cnn-small' : 'linear'),
    ...settings,
  }))

const quantizations = [
  z.strictObject({ method: z.literal('float16') }),
  z.strictObject({ method: z.literal('int8-dynamic') }),
  z.strictObject({
    method: z.literal('int8-static'),
    calibrationExamples: positive
      .default(256)
      .describe('training examples on which the ranges of activations are measured'),
  }),
  z.strictObject({
    method: z.literal('int8-aware'),
    begin: share
      .default(0.5)
      .describe('share of training from which on the network sees weights and activations rounded'),
  }),
  z.strictObject({
    method: z.literal('int4'),
    block: z
      .literal([16, 32, 64, 128, 256])
      .default(64)
      .describe('weights that share a scale: fewer are truer, and larger in the file'),
  }),
] as const
const quantization = z.discriminatedUnion('method', quantizations)

const when = z
  .enum(['training', 'after'])
  .default('training')
  .describe('gradually inside training, or at once on the trained dense member')

/** What every pruning method takes beside its criterion. */
const pruning = {
  when,
  start: z
    .enum(['scratch', 'branch'])
    .default('scratch')
    .describe('train each sparse member anew, or go on from its dense member where pruning begins'),
  begin: share.default(0.25).describe('share of training at which pruning begins'),
  end: share.default(0.75).describe('share of training at which the sparsity is reached'),
  frequency: positive.default(10).describe('steps between two updates of the masks'),
  fineTuneEpochs: z
    .number()
    .min(0)
    .default(0)
    .describe('epochs of training under the final masks, at a tenth of the peak rate'),
  reweight: z
    .strictObject({
      strength: z.number().positive().default(5).describe('classes weigh exp(strength × recall lost)'),
    })
    .optional()
    .describe('in fine-tuning: classes weigh the more, the more recall compression cost them'),
  distill: z
    .strictObject({
      temperature: z.number().positive().default(4).describe('softens what teachers and member say'),
      weight: share
        .default(0.9)
        .describe('share of the loss that is the teachers’; the labels have the rest'),
    })
    .optional()
    .describe('in fine-tuning: learn from the mean of the dense members that left out the same fold'),
  quantize: z
    .union([
      z
        .enum(['float16', 'int8-dynamic', 'int8-static', 'int8-aware', 'int4'])
        .transform(method => quantization.parse({ method })),
      quantization,
    ])
    .optional()
    .describe('a quantization, by its name or with its settings, of the pruned members'),
}

const scope = z
  .enum(['global', 'layer'])
  .default('global')
  .describe('one threshold for all kernels, or one for each; small networks survive 90 % only globally')

const compression = z.discriminatedUnion('method', [
  z.strictObject({
    method: z.literal('magnitude'),
    sparsity: sparsities.describe('share of the weights to remove; several give a level each'),
    scope,
    ...pruning,
  }),
  z.strictObject({
    method: z.literal('random'),
    sparsity: sparsities.describe('share of the weights to remove; several give a level each'),
    scope,
    draw: z
      .enum(['cumulative', 'independent'])
      .default('cumulative')
      .describe('in training: every update of the masks adds to those before, or draws all of them anew'),
    ...pruning,
  }),
  z.strictObject({
    method: z.literal('first-order'),
    sparsity: sparsities.describe('share of the weights to remove; several give a level each'),
    scope,
    preserve: z
      .enum(['loss', 'class-balance', 'corrupted'])
      .default('loss')
      .describe(
        'weights go that change this least: the loss, that of every class, or that of corrupted pictures',
      ),
    examples: positive
      .default(256)
      .describe('training examples that the member does not learn from, on which that is estimated'),
    ...pruning,
  }),
  z.strictObject({
    method: z.literal('filter'),
    sparsity: sparsities.describe('share of the filters of every layer to remove'),
    norm: z.enum(['l1', 'l2']).default('l1').describe('filters of the smallest norm go'),
    ...pruning,
  }),
  ...quantizations,
])

const models = z.strictObject({
  path: z.string().describe('folder with a folder of ONNX files for every level'),
  dense: z.string().default('dense').describe('folder of the members before compression'),
  levels: z
    .array(z.string())
    .optional()
    .describe('folders of the compressed levels, in this order; all others when absent'),
  trainedOn: z
    .enum(['train', 'none'])
    .default('train')
    .describe('which of these examples the models learned from: the training data, or none'),
  layout,
  preprocess,
  output: z.string().optional().describe('name of the output; needed where several fit'),
  form: z
    .enum(['logits', 'probabilities'])
    .optional()
    .describe('what comes out; found when absent. A softmax at the end is taken off either way'),
  classes: z
    .array(z.string())
    .optional()
    .describe('names of the classes in the order of the output; those of the files’ metadata when absent'),
})

const population = z.strictObject({
  models: z
    .union([z.string().transform(path => models.parse({ path })), models])
    .optional()
    .describe('models trained elsewhere, by their folder or with settings, which take the place of training'),
  seeds: positive.default(5).describe('members a level'),
  firstSeed: z.number().int().min(0).default(0).describe('seed of the first member'),
  crossFit: z
    .number()
    .int()
    .min(0)
    .default(5)
    .refine(folds => folds !== 1, 'one fold leaves nothing to train on')
    .describe('folds; every member leaves one out, rotating by seed. 0: every member trains on everything'),
})

const scoring = z.strictObject({
  ties: z
    .enum(['probability', 'reference'])
    .default('probability')
    .describe(
      'how modal labels break ties: by mean probability, or to the highest class as the paper’s code does',
    ),
  evidence: z
    .enum(['auto', 'out-of-sample'])
    .default('auto')
    .describe(
      'what judges a label; auto: all members, and the labels of its neighbours where `inspect` looks for them, while how many are wrong is told out of sample where it can be; out-of-sample: nothing that has learned the label',
    ),
  decision: z
    .discriminatedUnion('rule', [
      z.strictObject({
        rule: z.literal('threshold'),
        threshold: share.default(0.5).describe('label quality under which a label is an issue'),
      }),
      z.strictObject({
        rule: z.literal('budget'),
        count: positive.describe('the N most suspicious labels are issues'),
      }),
      z.strictObject({
        rule: z.literal('precision'),
        precision: share
          .default(0.9)
          .describe('as many are issues as keep the expected share of wrong labels among them this high'),
      }),
      z.strictObject({ rule: z.literal('estimate') }),
    ])
    .default({ rule: 'estimate' })
    .describe('which labels are issues; estimate: as many as are estimated to be wrong'),
  alpha: share.default(0.05).describe('level of the significance tests'),
})

/** The arms of a comparison that names none. */
const usualArms = ['all', 'non-pie', 'random', 'cleaned', 'relabeled'] as const
export const retrainArms = [
  ...usualArms,
  'relabeled-or-dropped',
  'weighted',
  'random-cleaned',
  'random-relabeled-or-dropped',
  'random-weighted',
  'true-labels',
] as const

const retrain = z.strictObject({
  seeds: positive.default(3).describe('networks an arm'),
  arms: z
    .array(z.enum(retrainArms))
    .default([...usualArms])
    .describe('what the networks are trained on; docs/cleaning.md says what each is'),
  sure: share
    .default(0.6)
    .describe(
      'for `relabeled-or-dropped`: probability from which a suggested label is taken, instead of dropping the example',
    ),
  level: z.string().optional().describe('level whose PIEs the arms leave out; the sparsest when absent'),
  model: z
    .strictObject({
      architecture: z.string().optional(),
      width: z.number().positive().optional(),
      epochs: z.number().positive().optional(),
    })
    .optional()
    .describe('what of the network is other than the members have it: a cheaper one affords more seeds'),
})

const severity = z.literal([1, 2, 3, 4, 5])

const robustness = z.strictObject({
  corruptions: z
    .union([z.literal('all'), z.array(z.enum(corruptionNames))])
    .default('all')
    .describe(
      'what happens to test pictures: all 19 corruptions of ImageNet-C, some by name, or none by `[]`',
    ),
  severities: z
    .array(severity)
    .min(1)
    .default([1, 2, 3, 4, 5])
    .transform(values => [...new Set(values)].sort())
    .describe('how strongly, from 1 to 5'),
  examples: positive
    .default(1000)
    .describe(
      'test examples, drawn from each class in proportion; of published files, pictures of each kind',
    ),
  files: z
    .string()
    .optional()
    .describe(
      'folder of published corrupted pictures, CIFAR-10-C’s arrays or ImageNet-C’s folders, in the place of those made here',
    ),
  natural: z
    .array(z.string())
    .default([])
    .describe('folders of hard natural pictures in class folders, such as ImageNet-A'),
})

/** Where a secret comes from: never from the pipeline file itself, which manifests and logs repeat. */
const secret = z.union([
  z.strictObject({ env: z.string().min(1).describe('name of the environment variable') }),
  z.strictObject({
    file: z.string().min(1).describe('file that holds it; white space around it is left out'),
  }),
])

const on = z
  .array(z.enum(['passed', 'gate', 'failed']))
  .min(1)
  .default(['gate', 'failed'])
  .describe('which runs it hears of: those whose gates held, those with a gate that did not, failed ones')

const notification = z.discriminatedUnion('to', [
  z.strictObject({
    to: z.literal('webhook'),
    url: z
      .union([z.url({ protocol: /^https?$/, error: 'must be a http or https address' }), secret])
      .describe('where to send it by POST; from a variable or file where the address itself is secret'),
    secret: secret.optional().describe('key of the signature in the header `Pieline-Signature`'),
    on,
  }),
  z.strictObject({
    to: z.literal('command'),
    command: z
      .array(z.string().min(1))
      .min(1)
      .describe('program and arguments, run without a shell; it reads the message as JSON from its input'),
    seconds: z.number().positive().default(60).describe('after which it is stopped and tried again later'),
    on,
  }),
])

export const pipelineSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]*$/i, 'letters, digits, dot, dash and underscore')
      .refine(name => name !== 'store', 'cannot be "store": that folder holds the artefacts of all pipelines')
      .describe('names the folder of its runs'),
    dataset,
    model: model.prefault({}),
    engine: z
      .enum(['onnxruntime', 'tfjs'])
      .default('onnxruntime')
      .describe('what trains the members; tfjs takes tfjs-node-gpu or tfjs-node where installed'),
    population: population.prefault({}),
    compress: z.array(compression).default([]),
    predict: z
      .strictObject({
        mirror: z
          .boolean()
          .default(false)
          .describe(
            'shows every picture mirrored as well and takes the mean of both logits, for twice the time; for pictures that training mirrors (`model.flip`)',
          ),
      })
      .optional()
      .describe('how the members are asked about the examples'),
    inspect: z
      .union([
        z.literal(false),
        z.strictObject({
          neighbors: positive.default(10).describe('nearest neighbours looked up for each example'),
        }),
      ])
      .prefault({})
      .describe(
        'what kind of example each is: image statistics, duplicates, neighbours; false leaves it out',
      ),
    scoring: scoring.prefault({}),
    robustness: robustness
      .optional()
      .describe('what every member makes of corrupted test pictures and hard natural ones'),
    retrain: retrain.optional(),
    seed: z.number().int().min(0).default(0).describe('the seed behind every other'),
    gates: z
      .array(z.string())
      .optional()
      .describe(
        'conditions that `pieline check` holds a run to, such as `noiseRate < 0.02` or `top1[dense] >= 90 %`',
      ),
    schedule: z
      .strictObject({
        cron: z.string().describe('minute, hour, day of month, month and day of week, such as `0 3 * * *`'),
        timezone: z.string().default('UTC').describe('IANA name, such as `Europe/Berlin`'),
      })
      .optional()
      .describe('when `pieline schedule` runs the pipeline'),
    keep: z
      .strictObject({
        runs: positive.optional().describe('the newest runs'),
        days: z.number().positive().optional().describe('runs that began within so many days'),
      })
      .refine(({ runs, days }) => runs !== undefined || days !== undefined, 'set `runs`, `days` or both')
      .optional()
      .describe('runs that `pieline schedule` and `pieline prune` keep, by either; all when absent'),
    notify: z.array(notification).optional(),
  })
  .refine(
    pipeline =>
      pipeline.retrain === undefined || pipeline.dataset.test !== undefined || pipeline.dataset.testShare > 0,
    {
      path: ['retrain'],
      error: 'retraining is compared on held-out data: set `dataset.test` or `dataset.testShare`',
    },
  )
  .refine(
    ({ retrain, dataset }) => !retrain?.arms.includes('true-labels') || dataset.trueLabel !== undefined,
    {
      path: ['retrain', 'arms'],
      error:
        'the arm "true-labels" needs them: name their column in `dataset.trueLabel`, or leave the arm out',
    },
  )
  .refine(
    pipeline =>
      pipeline.robustness === undefined ||
      pipeline.dataset.test !== undefined ||
      pipeline.dataset.testShare > 0,
    {
      path: ['robustness'],
      error: 'robustness is measured on held-out data: set `dataset.test` or `dataset.testShare`',
    },
  )

/** A pipeline as resolved: every default filled in, every path absolute. */
export interface Pipeline extends z.output<typeof pipelineSchema> {}
/** A pipeline as written. */
export interface PipelineInput extends z.input<typeof pipelineSchema> {}
export type DatasetConfig = Pipeline['dataset']
export type ModelConfig = Pipeline['model']
/** Models trained elsewhere. */
export type ModelsConfig = NonNullable<Pipeline['population']['models']>
/** A trained network whose features the members learn from. */
export type BackboneConfig = NonNullable<Pipeline['model']['backbone']>
/** What models trained elsewhere expect of a pixel. */
export type PreprocessConfig = ModelsConfig['preprocess']
export const preprocessPresets: readonly (typeof presets)[number][] = presets
export type CompressionConfig = Pipeline['compress'][number]
export type PruningConfig = Extract<CompressionConfig, { sparsity: number[] }>
export type QuantizationConfig = Exclude<CompressionConfig, PruningConfig>
/** A quantization that members are trained for, rather than converted to. */
export type AwareConfig = Extract<QuantizationConfig, { method: 'int8-aware' }>
export type RobustnessConfig = NonNullable<Pipeline['robustness']>
/** A webhook or a command that hears of runs. */
export type NotificationConfig = NonNullable<Pipeline['notify']>[number]
/** Where a secret comes from. */
export type SecretConfig = z.output<typeof secret>
/** The network that the arms of a retraining comparison train. */
export function retrainModel({ model, retrain }: Pipeline): ModelConfig {
  return { ...model, ...retrain?.model } as ModelConfig
}
export type RetrainArm = (typeof retrainArms)[number]
/**
 * The arms that clean, each with the arm that removes as many examples at random. What only relabels removes none, so
 * that training on everything is its own measure.
 */
export const cleaningArms: ReadonlyMap<RetrainArm, RetrainArm | undefined> = new Map([
  ['non-pie', 'random'],
  ['cleaned', 'random-cleaned'],
  ['relabeled', undefined],
  ['relabeled-or-dropped', 'random-relabeled-or-dropped'],
  ['weighted', 'random-weighted'],
])
