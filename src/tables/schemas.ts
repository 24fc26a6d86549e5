/**
 * The schema of every table in a run folder. Each field carries a description in its metadata, which goes with
 * it into the Arrow and Parquet files, and from which `docs/tables.md` is generated.
 */
import {
  Binary,
  Bool,
  type DataType,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int32,
  Int64,
  List,
  Schema,
  Struct,
  Utf8,
} from 'apache-arrow'
import { verdictKinds } from '../inspection/hints.js'

/** A field that is never null, with its description. */
function field(name: string, type: DataType, description: string): Field {
  return new Field(name, type, false, new Map([['description', description]]))
}

/** A field that may be null; the description says what null means. */
function nullable(name: string, type: DataType, description: string): Field {
  return new Field(name, type, true, new Map([['description', description]]))
}

const utf8 = new Utf8()
const bool = new Bool()
const int32 = new Int32()
const int64 = new Int64()
const float32 = new Float32()
const float64 = new Float64()

/** Hugging Face's image: encoded bytes (PNG, JPEG, …) and the path they came from, either may be null there. */
export const imageType = new Struct<{ bytes: Binary; path: Utf8 }>([
  new Field('bytes', new Binary(), true),
  new Field('path', new Utf8(), true),
])

/** A vector of `size` floats, Arrow's fixed-size list<float32>. */
export function vectorType(size: number): FixedSizeList<Float32> {
  return new FixedSizeList(size, new Field('item', new Float32(), false))
}

const exampleId = field(
  'example_id',
  utf8,
  'Stable id of the example: its id column, else its image path, else a hash of its content',
)
const split = field('split', utf8, '`train` or `test`')
const label = field('label', int32, 'Given label, as class index')
const level = field('level', utf8, 'Compression level, such as `dense` or `magnitude-0.9`')

/** What the network sees of an example, in the form in which tables hold it. */
export type Content = { readonly kind: 'image' } | { readonly kind: 'features'; readonly features: number }

/** The columns that hold an example's content: `image`, or `features`. */
export function contentFields(content: Content): Field[] {
  return content.kind === 'image'
    ? [
        nullable(
          'image',
          imageType,
          'The image as the source has it: encoded bytes, and path where there is one',
        ),
      ]
    : [field('features', vectorType(content.features), 'The features that the network sees, in their order')]
}

export interface ExamplesOptions {
  readonly content: Content
  /** Names of the subgroup attributes, without the `group_` before them. */
  readonly groups: readonly string[]
  /** Whether the truth is known. */
  readonly trueLabel: boolean
  /** Whether examples have a text that people see. */
  readonly text?: boolean
}

const textField = nullable('text', utf8, 'Text of the example, for people: networks see its content alone')

/** `examples.parquet`: one row an example, training rows first in source order, then test rows. */
export function examplesSchema({ content, groups, trueLabel, text }: ExamplesOptions): Schema {
  return new Schema(
    [
      exampleId,
      split,
      nullable('fold', int32, 'Cross-fit fold, 0 to K − 1; null for test examples and without cross-fit'),
      label,
      field('label_name', utf8, 'Name of the class of the given label'),
      ...(trueLabel
        ? [
            nullable(
              'true_label',
              int32,
              'Known truth, only ever read to score the run; −1: belongs to no class, null: unknown',
            ),
          ]
        : []),
      ...groups.map(name => nullable(`group_${name}`, utf8, `Subgroup attribute \`${name}\` of the source`)),
      ...(text ? [textField] : []),
      field('source', utf8, 'Where the example came from: file#row, or the path of the image'),
      field(
        'source_row',
        int32,
        'Row in the source over all its shards, from 0; rows that ingest skipped count too',
      ),
      ...contentFields(content),
    ],
    imageMetadata(content.kind === 'image'),
  )
}

/** `skipped.parquet`: one row an example that ingest left out. */
export const skippedSchema = new Schema([
  field('file', utf8, 'File of the example'),
  field('row', int32, 'Row in that file, from 0'),
  field('reason', utf8, 'What is wrong with it'),
])

/** `predictions/<level>.parquet`: one row a member and example, ordered as `examples.parquet`, then by seed. */
export const predictionsSchema = new Schema([
  exampleId,
  field('seed', int32, 'Seed of the member'),
  field('in_sample', bool, 'Whether the member trained on this example'),
  field('predicted', int32, 'Class of the highest logit'),
  field('rank_given', int32, 'How many classes rank above the given label; 0 where it is predicted'),
  field('p_given', float32, 'Probability of the given label, 0 to 1'),
  field('p_top', float32, 'Probability of the predicted class, 0 to 1'),
  field('margin', float32, 'log p of the given label − log p of the best other class, in nats'),
])

/**
 * `probabilities/<level>.parquet`: one row an example, ordered as `examples.parquet`.
 * @param mixed whether some members trained on an example and others did not
 */
export function probabilitiesSchema(classes: number, mixed = false): Schema {
  return new Schema([
    exampleId,
    field(
      'probabilities',
      vectorType(classes),
      'Probability of each class, mean over the members that judge the example (out of sample where there are any)',
    ),
    ...(mixed
      ? [
          field(
            'in_sample_probabilities',
            vectorType(classes),
            'With `crossFit`: mean over the members that trained on the example, or over all of them where none did',
          ),
        ]
      : []),
  ])
}

/** `levels.parquet`: one row a level and split; members judge training examples out of sample where they can. */
export const levelsSchema = new Schema([
  level,
  split,
  field(
    'method',
    utf8,
    'Compression method: `dense`, a pruning (`magnitude`, `random`, `filter`), a quantization (`float16`, `int8-dynamic`, `int8-static`, `int8-aware`, `int4`), or both joined by `+`',
  ),
  field(
    'sparsity',
    float64,
    'Share of kernel weights that are zero, 0 to 1; with `filter`, share of filters that are gone',
  ),
  field('bits', int32, 'Bits a kernel weight takes'),
  field('members', int32, 'Members of the level'),
  field('size_bytes', int64, 'Size of a member’s ONNX file in bytes, mean over members'),
  field('nonzero_weights', int64, 'Kernel weights that are not zero, mean over members'),
  field('examples', int32, 'Examples of the split'),
  ...accuracyFields('', 'all examples'),
  ...accuracyFields('pie_', 'the PIEs of the level (of any level, for dense)'),
  ...accuracyFields('non_pie_', 'the examples that are no PIEs of the level (of any level, for dense)'),
  field('pies', int32, 'PIEs of the level (for dense: PIEs of any level)'),
  field('pie_rate', float64, 'PIEs ÷ examples, 0 to 1'),
  field('significant_classes', int32, 'Classes whose recall changed significantly against dense'),
  nullable(
    'test',
    utf8,
    '`paired` where every member is made from the dense member of its seed, else `welch`; null for dense, as everything below',
  ),
  nullable(
    'detectable_change',
    float64,
    'Relative change of a lone class that the tests would have found with 80 % power, median over classes; null with fewer than two members',
  ),
  nullable('impact_spread', float64, 'Standard deviation over classes of the relative change of recall'),
  nullable(
    'impact_spread_chance',
    float64,
    'Spread that the members’ chance alone would give: root mean square of the standard errors',
  ),
  nullable('worst_class', utf8, 'Class of the lowest relative change'),
  nullable('worst_class_change', float64, 'Its relative change'),
  nullable(
    'worst_tenth_share',
    float64,
    'Share of the lost recall, summed over the classes that lose, borne by the tenth of classes that lose most',
  ),
])

/** `members.parquet`: one row a level, split and member. */
export function membersSchema(classes: number): Schema {
  return new Schema([
    level,
    split,
    field('seed', int32, 'Seed of the member'),
    nullable(
      'top1',
      float64,
      'Top-1 accuracy against the given labels, out of sample where it can be; null where it was not asked',
    ),
    nullable('top5', float64, 'Top-5 accuracy; null where members rank no classes'),
    field('recalls', vectorType(classes), 'Recall of each class, 0 to 1; NaN where it has no examples'),
  ])
}

/** `overlap.parquet`: one row a pair of compressed levels, over all examples. */
export const overlapSchema = new Schema([
  field('level_a', utf8, 'One level'),
  field('level_b', utf8, 'The other, later in the pipeline'),
  field('pies_a', int32, 'PIEs of the one'),
  field('pies_b', int32, 'PIEs of the other'),
  field('both', int32, 'Examples that are PIEs of both'),
  nullable('jaccard', float64, 'both ÷ PIEs of either, 0 to 1; null where there are none'),
  field(
    'expected_both',
    float64,
    'Examples in both if the levels had nothing in common: pies_a · pies_b ÷ examples',
  ),
])

/** `stability.parquet`: one row a compressed level and size of the populations, over all examples. */
export const stabilitySchema = new Schema([
  level,
  field('members', int32, 'Members of each population: up to half of those there are, then all'),
  ...resampledFields('pies', 'PIEs that such a population finds', false),
  ...resampledFields('recurrence', 'Share of its PIEs that another one finds again, 0 to 1', true),
  ...resampledFields('jaccard', 'PIEs common to two such populations ÷ PIEs of either, 0 to 1', true),
])

function resampledFields(name: string, description: string, mayLack: boolean): Field[] {
  const of = mayLack ? nullable : field
  return [
    of(`${name}_mean`, float64, `${description}, mean${mayLack ? '; null where none finds any' : ''}`),
    of(`${name}_low`, float64, 'Lower end of the interval in which 95 % of what was drawn lies'),
    of(`${name}_high`, float64, 'Its upper end'),
  ]
}

/** Columns of `levels.parquet` that nobody knows who has predictions alone. */
const unknownOfPredictions = new Set(['sparsity', 'bits', 'size_bytes', 'nonzero_weights'])

/** `levels.parquet` of predictions that came without their models: what is not known of these is null. */
export const levelsOfPredictionsSchema = new Schema(
  levelsSchema.fields.map(({ name, type, nullable, metadata }) => {
    if (!unknownOfPredictions.has(name)) return new Field(name, type, nullable, metadata)
    const description = `${metadata.get('description')}; null where it is unknown`
    return new Field(name, type, true, new Map([['description', description]]))
  }),
)

function accuracyFields(prefix: string, examples: string): Field[] {
  return [1, 5].flatMap(k => [
    nullable(
      `${prefix}top${k}_mean`,
      float64,
      `Top-${k} accuracy against the given labels on ${examples}, mean over members, 0 to 1; null where there are none`,
    ),
    nullable(
      `${prefix}top${k}_sd`,
      float64,
      `Its standard deviation over members; null with fewer than two members`,
    ),
  ])
}

/** `classes.parquet`: one row a compressed level, split, class, and subgroup. */
export const classesSchema = new Schema([
  level,
  split,
  nullable('group', utf8, 'Subgroup attribute; null: the whole class'),
  nullable('group_value', utf8, 'Its value; null: the whole class'),
  field('class', int32, 'Class index'),
  field('class_name', utf8, 'Class name'),
  field('n', int32, 'Examples of the class (and subgroup)'),
  nullable('dense_recall_mean', float64, 'Recall of the dense members, mean, 0 to 1; null where n = 0'),
  nullable(
    'dense_recall_sd',
    float64,
    'Its standard deviation over members; null with fewer than two members',
  ),
  nullable('recall_mean', float64, 'Recall of the level’s members, mean, 0 to 1; null where n = 0'),
  nullable('recall_sd', float64, 'Its standard deviation over members; null with fewer than two members'),
  nullable(
    'relative_change',
    float64,
    'Change of recall against dense, beyond the change of the level’s accuracy on all classes',
  ),
  nullable('relative_change_error', float64, 'Its standard error; null with fewer than two members'),
  nullable(
    'relative_change_low',
    float64,
    'Lower end of its interval of confidence 1 − alpha, for this class alone; null where there is no test',
  ),
  nullable('relative_change_high', float64, 'Its upper end'),
  nullable(
    'detectable_change',
    float64,
    'Change that would have been found with 80 % power, had this class been the only one to change',
  ),
  nullable(
    't',
    float64,
    't of recall minus overall accuracy, level against dense, by the level’s `test`; null where it is undefined',
  ),
  nullable('df', float64, 'Its degrees of freedom: Welch–Satterthwaite’s, or pairs − 1'),
  nullable('p', float64, 'Two-sided p value'),
  nullable('q', float64, 'p adjusted by Benjamini–Hochberg over the classes of the level'),
  field('significant', bool, 'Whether q is below the pipeline’s alpha'),
  field('direction', utf8, '`worse`, `better` or `none`: what compression does to the class, if significant'),
])

export interface ScoresOptions {
  /** Whether the truth is known, and so stands beside the given label. */
  readonly trueLabel?: boolean
}

/**
 * `scores.parquet`: one row an example, ordered as `examples.parquet`.
 * @param levels names of all levels, `dense` first
 */
export function scoresSchema(levels: readonly string[], options: ScoresOptions = {}): Schema {
  return new Schema([
    exampleId,
    split,
    label,
    ...(options.trueLabel
      ? [nullable('true_label', int32, 'Known truth; −1: belongs to no class, null: unknown')]
      : []),
    ...levels.flatMap(name => [
      field(`modal_${name}`, int32, `Modal label of \`${name}\`: the class most members predict`),
      field(`agreement_${name}`, float32, `Share of the members of \`${name}\` that predict it, 0 to 1`),
      ...(name === 'dense'
        ? []
        : [field(`is_pie_${name}`, bool, `Whether the modal labels of \`dense\` and \`${name}\` differ`)]),
    ]),
    field('pie_levels', int32, 'At how many levels the example is a PIE'),
    field(
      'disagreement',
      float32,
      'Total variation distance between the votes of `dense` and of a level, 0 to 1, mean over levels',
    ),
    field(
      'label_quality',
      float32,
      'Probability that the given label is right, by all members that count and a fitted model of the label noise, 0 to 1',
    ),
    field('is_label_issue', bool, 'Whether the label quality falls under the run’s decision rule'),
    nullable(
      'issue_kind',
      utf8,
      'What is wrong with it, if it is a label issue: `wrong label` (clearly of another class), `ambiguous` (one of two classes), `no class` (none stands out); null: no issue',
    ),
    field(
      'suggested_label',
      int32,
      'Label it should rather have: of a label issue the most likely other class, else the given label',
    ),
    field('suggested_p', float32, 'Probability that the suggested label is right, 0 to 1'),
  ])
}

/** `noise.parquet`: one row a split and given class, then one for each likely true class of half an example or more. */
export const noiseSchema = new Schema([
  split,
  label,
  field('label_name', utf8, 'Name of the class of the given label'),
  nullable(
    'likely_label',
    int32,
    'Class that the examples are truly of, the given one where that is right; null: any but the given one',
  ),
  nullable('likely_label_name', utf8, 'Its name'),
  field('count', float64, 'Estimated number of such examples'),
  field('low', float64, 'Lower end of its 95 % interval, for chance alone'),
  field('high', float64, 'Upper end'),
])

/** `preview.parquet`: one row a label that the dense members alone doubt, most suspicious first. */
export const previewSchema = new Schema([
  field('rank', int32, 'Place in the order of suspicion, from 1'),
  exampleId,
  split,
  label,
  field('label_name', utf8, 'Name of the class of the given label'),
  field(
    'label_quality',
    float32,
    'Probability that the given label is right, by the dense members alone, 0 to 1',
  ),
  field('suggested_label', int32, 'Label it should rather have, as class index'),
  field('suggested_label_name', utf8, 'Name of the class of the suggested label'),
  field('suggested_p', float32, 'Probability that the suggested label is right, 0 to 1'),
])

/** `scores.parquet` of a single matrix of predictions: one row an example, in the order of the labels. */
export function labelScoresSchema(options: ScoresOptions = {}): Schema {
  const ofPopulations = new Set(['split', 'modal_dense', 'agreement_dense', 'pie_levels', 'disagreement'])
  return new Schema(scoresSchema(['dense'], options).fields.filter(({ name }) => !ofPopulations.has(name)))
}

/** `consensus.parquet`: one row an example that several annotators labeled, in the order of the predictions. */
export function consensusSchema(options: ScoresOptions = {}): Schema {
  return new Schema([
    exampleId,
    field('label', int32, 'Consensus of annotators and model, as class index'),
    field('label_name', utf8, 'Name of its class'),
    ...(options.trueLabel
      ? [nullable('true_label', int32, 'Known truth; −1: belongs to no class, null: unknown')]
      : []),
    field(
      'label_quality',
      float32,
      'Probability that the consensus is right, by the annotators’ accuracies and the model, 0 to 1',
    ),
    field('is_label_issue', bool, 'Whether the label quality falls under the decision rule'),
    nullable('second_label', int32, 'The most likely other class; null: nobody gave one'),
    nullable('second_p', float32, 'Its probability, 0 to 1'),
    field('majority_label', int32, 'Class that most annotators gave, ties broken by the model'),
    field('annotators', int32, 'Annotators who labeled the example'),
    field('agreement', float32, 'Share of them that gave the consensus, 0 to 1'),
  ])
}

/** `annotators.parquet`: one row an annotator, the least accurate first. */
export const annotatorsSchema = new Schema([
  field('annotator', utf8, 'Name of the annotator'),
  field('labels', int32, 'Labels given'),
  field('quality', float64, 'Estimated probability that a label of the annotator is right, 0 to 1'),
  field('agreement', float64, 'Share of the annotator’s labels that is the consensus, 0 to 1'),
  nullable(
    'weakest_label',
    int32,
    'Class whose labels by the annotator are the consensus least often; null: all agree',
  ),
  nullable('weakest_label_name', utf8, 'Its name'),
  nullable('weakest_agreement', float64, 'Share of these labels that is the consensus, 0 to 1'),
])

/** `scores.parquet` of examples that may be of several classes: one row an example, in the order of the labels. */
export const multiLabelScoresSchema = new Schema([
  exampleId,
  field('classes', int32, 'How many classes it is given'),
  field(
    'label_quality',
    float32,
    'Softmin over the classes of the probability that the example is rightly given the class, or not, 0 to 1',
  ),
  field('issues', int32, 'How many classes it seems to be given, or not given, wrongly'),
])

/** `issues.parquet`: one row an example and class that it seems to be given, or not given, wrongly. */
export const multiLabelIssuesSchema = new Schema([
  field('rank', int32, 'Place in the order of suspicion, from 1'),
  exampleId,
  field('class', int32, 'Class index'),
  field('class_name', utf8, 'Class name'),
  field('given', bool, 'Whether the example is given the class; if so it should not be, else it should'),
  field('label_quality', float32, 'Probability that this is right, 0 to 1'),
])

/** `classes.parquet` of such examples: one row a class. */
export const multiLabelClassesSchema = new Schema([
  field('class', int32, 'Class index'),
  field('class_name', utf8, 'Class name'),
  field('given', int32, 'Examples that are given the class'),
  field('missing', float64, 'Estimated number of examples of the class that are not given it'),
  field('superfluous', float64, 'Estimated number of examples that are given the class and are not of it'),
  field('issues', int32, 'Examples that seem to be given, or not given, the class wrongly'),
])

/** `neighbors.parquet`: one row an example and neighbour, ordered as `examples.parquet`, nearest first. */
export const neighborsSchema = new Schema([
  exampleId,
  field('rank', int32, 'Place among the neighbours, from 1'),
  field('neighbor_id', utf8, 'Id of the neighbour'),
  field('similarity', float32, 'Cosine of both examples’ features, −1 to 1'),
])

const listed = (values: readonly string[]) => values.map(value => `\`${value}\``).join(', ')

const hints = field(
  'hints',
  new List(new Field('item', utf8, false)),
  'What kind of example it may be: `blurry`, `dark`, `bright`, `low-information`, `odd-size`, `odd-aspect`, `exact-duplicate`, `near-duplicate`, `duplicate-other-label` (a duplicate has another label), `leak` (a duplicate is in the other split), `outlier`, `ambiguous` (two plausible classes)',
)

/** `inspection.parquet`: one row an example, ordered as `examples.parquet`. */
export function inspectionSchema({ kind }: Pick<Content, 'kind'>): Schema {
  const imageFields = [
    field('width', int32, 'Width of the image as the source has it, in pixels'),
    field('height', int32, 'Its height'),
    field('brightness', float32, 'Mean luminance (ITU-R BT.601), 0 to 1'),
    field('darkest', float32, '5th percentile of luminance, 0 to 1'),
    field('brightest', float32, '99th percentile of luminance, 0 to 1'),
    field('contrast', float32, 'Standard deviation of luminance, 0 to 0.5'),
    nullable(
      'blur',
      float32,
      'Perceptual blur (Crété et al. 2007), 0 sharp to 1; null where there is no edge to judge it by',
    ),
    field('entropy', float32, 'Entropy of the histogram of luminance, 0 to 8 bits'),
  ]
  return new Schema([
    exampleId,
    split,
    ...(kind === 'image' ? imageFields : []),
    nullable('duplicate_group', int32, 'Number of its group of duplicates, exact and near; null for none'),
    nullable('neighbor_distance', float32, 'Mean cosine distance to its neighbours in feature space, 0 to 2'),
    nullable(
      'outlier_score',
      float32,
      'That distance over the mean of the neighbours’ own; 1: in their midst',
    ),
    nullable('neighbor_agreement', float32, 'Share of its neighbours that have its given label, 0 to 1'),
    nullable('neighbor_label', int32, 'Given label of most of its neighbours, as class index'),
    nullable('neighbor_label_share', float32, 'Share of its neighbours that have it, 0 to 1'),
    field('first_label', int32, 'Class of the highest mean probability of the dense members'),
    field('first_p', float32, 'That probability'),
    field('second_label', int32, 'Class of the second highest'),
    field('second_p', float32, 'That probability'),
    hints,
  ])
}

/**
 * `pies.parquet` and `pies.arrow`: one row a PIE or label issue, most suspicious first: the columns of `scores`,
 * the names of the labels, and the content.
 */
export function piesSchema(
  levels: readonly string[],
  options: ScoresOptions & Pick<ExamplesOptions, 'content' | 'text'>,
): Schema {
  return new Schema(
    [
      field('rank', int32, 'Place in the order of suspicion, from 1'),
      ...scoresSchema(levels, options).fields,
      field('label_name', utf8, 'Name of the class of the given label'),
      field('suggested_label_name', utf8, 'Name of the class of the suggested label'),
      hints,
      ...(options.text ? [textField] : []),
      nullable('verdict', utf8, `Yours to fill in, null as written: one of ${listed(verdictKinds)}`),
      ...contentFields(options.content),
    ],
    imageMetadata(options.content.kind === 'image'),
  )
}

/**
 * `robustness.parquet`: a level after another; of each, one row a corruption and severity, one row a corruption over its
 * severities, one row a natural set, then means over categories.
 */
export const robustnessSchema = new Schema([
  level,
  field(
    'corruption',
    utf8,
    'Name of the corruption or of the natural set; `mean`: mean over the corruptions of the category',
  ),
  field(
    'category',
    utf8,
    '`noise`, `blur`, `weather`, `digital`, `extra` (those that the paper keeps for validation), `natural`; `all`: the first four',
  ),
  nullable('severity', int32, '1 to 5; null: mean over the severities, and of natural sets'),
  field('examples', int32, 'Pictures, of each severity and corruption'),
  field('members', int32, 'Members of the level'),
  field('top1_mean', float64, 'Top-1 accuracy against the given labels, mean over members, 0 to 1'),
  nullable('top1_sd', float64, 'Its standard deviation over members; null with fewer than two members'),
  field('top5_mean', float64, 'Top-5 accuracy, mean over members, 0 to 1'),
  nullable('top5_sd', float64, 'Its standard deviation over members; null with fewer than two members'),
  nullable(
    'clean_top1_mean',
    float64,
    'Top-1 accuracy of the level on clean pictures: the same examples before corruption; of published files the whole test split, null where its classes are not as frequent as theirs; of natural sets the test examples of its classes, which alone compete',
  ),
  nullable('relative_top1', float64, 'top1_mean ÷ clean_top1_mean; null where that is null or 0'),
  nullable('relative_to_dense', float64, 'relative_top1 ÷ that of dense; null where that is 0'),
  nullable(
    'p',
    float64,
    'Two-sided p value of top-1 ÷ clean top-1 over members, level against dense, by the level’s `test` in `levels.parquet`; null for dense and where there is no test',
  ),
  nullable('q', float64, 'p adjusted by Benjamini–Hochberg over the rows of the level of this kind'),
])

/** `retrain.parquet`: one row an arm and seed, then one row an arm over all seeds (seed null). */
export const retrainSchema = new Schema([
  field(
    'arm',
    utf8,
    'What the networks were trained on: `all`, `non-pie`, `cleaned`, `relabeled`, `relabeled-or-dropped`, `weighted`; `random` (removal of as many as `non-pie`) and `random-…` (as many as that arm)',
  ),
  nullable('seed', int32, 'Seed of the network; null: mean over the seeds'),
  field('n', int32, 'Training examples'),
  field('relabeled', int32, 'Those of them with another label than the given one'),
  field('top1', float64, 'Top-1 accuracy on the test set, 0 to 1'),
  nullable('top1_sd', float64, 'Its standard deviation over seeds; null for a single seed'),
  nullable('pie_top1', float64, 'Top-1 accuracy on the test set’s PIEs; null where there are none'),
  nullable('non_pie_top1', float64, 'Top-1 accuracy on the rest of the test set; null where it is empty'),
  nullable('difference', float64, 'top1 − top1 of the arm `all` with the same seed; null without that arm'),
  nullable(
    'difference_low',
    float64,
    'Lower end of the 95 % interval of the mean paired difference (Student’s t); null for a single seed',
  ),
  nullable('difference_high', float64, 'Its upper end'),
  nullable(
    'over_random',
    float64,
    'Mean of top1 − top1 of the arm that removes as many at random, paired by seed; null in the rows of seeds and without that arm',
  ),
  nullable(
    'over_random_low',
    float64,
    'Lower end of its 95 % interval (Student’s t); null for a single seed',
  ),
  nullable('over_random_high', float64, 'Its upper end'),
])

/**
 * Schema metadata by which Hugging Face `datasets` shows the column `image` as pictures. It names that column
 * alone; `datasets` takes the types of the others from the file.
 */
function imageMetadata(hasImage: boolean): Map<string, string> {
  const features = { image: { _type: 'Image' } }
  return new Map(hasImage ? [['huggingface', JSON.stringify({ info: { features } })]] : [])
}
