/**
 * The rows of a run's tables, as {@link rowsOf} gives them.
 *
 * This module is written by `src/tables/document-rows.ts`; do not edit it by hand.
 */
import type { ImageValue } from './columns.js'

/** The tables of a run by their names, and what a row of each holds. */
export interface Tables {
  /** One row an example: training rows first, in the order of the source, then test rows. `true_label` is there if the pipeline names one, a `group_…` for every subgroup attribute, `text` if examples have one that people see, and `features` (a list of floats) in place of `image` where the data are no images. */
  readonly examples: ExamplesRow
  /** One row an example that was left out because it is damaged. */
  readonly skipped: SkippedRow
  /** One row a label issue by the dense members alone, most suspicious first, as soon as these are trained; not there where nothing is compressed. */
  readonly preview: PreviewRow
  /** One row a member and example, in the order of the examples, then by seed. */
  readonly [name: `predictions/${string}`]: PredictionsRow
  /** One row an example, in the order of the examples; the list is as long as there are classes. */
  readonly [name: `probabilities/${string}`]: ProbabilitiesRow
  /** One row a level and split. */
  readonly levels: LevelsRow
  /** One row a compressed level, split and class, and one more for every value of a subgroup attribute within the class. */
  readonly classes: ClassesRow
  /** One row a level, split and member; the list is as long as there are classes. */
  readonly members: MembersRow
  /** One row a pair of compressed levels, over the examples of all splits. */
  readonly overlap: OverlapRow
  /** One row a compressed level and size of the populations: 5 members, 10, …, half of them, and all. Nothing for populations of a single member. */
  readonly stability: StabilityRow
  /** One row a split and given class with its wrong labels, then one for each class that its examples likely are of, half an example or more. */
  readonly noise: NoiseRow
  /** One row an example, in the order of the examples. There is a `modal_…` and an `agreement_…` for every level, and an `is_pie_…` for every compressed one; here for `dense` and `magnitude-0.9`. */
  readonly scores: ScoresRow
  /** One row an example, in the order of the examples. The columns from `width` to `entropy` are there for images; luminance is that of the image itself, scaled down to 128 pixels a side where it is larger. */
  readonly inspection: InspectionRow
  /** One row an example and neighbour, in the order of the examples, nearest first. `features.npy` holds the features: float32 [examples, size], row for row with `examples.parquet`, each row of length 1. */
  readonly neighbors: NeighborsRow
  /** One row an example that is a PIE at some level or a label issue, most suspicious first: the columns of `scores.parquet`, and the example itself. */
  readonly pies: PiesRow
  /** A level after another; of each, one row a corruption and severity, one a corruption over its severities, one a natural set, then means over categories. */
  readonly robustness: RobustnessRow
  /** One row an arm and seed; then one row an arm, over its seeds. */
  readonly retrain: RetrainRow
}

/** One row an example: training rows first, in the order of the source, then test rows. `true_label` is there if the pipeline names one, a `group_…` for every subgroup attribute, `text` if examples have one that people see, and `features` (a list of floats) in place of `image` where the data are no images. */
export interface ExamplesRow {
  /** Stable id of the example: its id column, else its image path, else a hash of its content */
  readonly example_id: string
  /** `train` or `test` */
  readonly split: string
  /** Cross-fit fold, 0 to K − 1; null for test examples and without cross-fit */
  readonly fold: number | null
  /** Given label, as class index */
  readonly label: number
  /** Name of the class of the given label */
  readonly label_name: string
  /** Known truth, only ever read to score the run; −1: belongs to no class, null: unknown */
  readonly true_label?: number | null
  /** Subgroup attribute `…` of the source */
  readonly [name: `group_${string}`]: string | null
  /** Text of the example, for people: networks see its content alone */
  readonly text?: string | null
  /** Where the example came from: file#row, or the path of the image */
  readonly source: string
  /** Row in the source over all its shards, from 0; rows that ingest skipped count too */
  readonly source_row: number
  /** The image as the source has it: encoded bytes, and path where there is one */
  readonly image?: ImageValue | null
  /** The features that the network sees, in their order */
  readonly features?: Float32Array
}

/** One row an example that was left out because it is damaged. */
export interface SkippedRow {
  /** File of the example */
  readonly file: string
  /** Row in that file, from 0 */
  readonly row: number
  /** What is wrong with it */
  readonly reason: string
}

/** One row a label issue by the dense members alone, most suspicious first, as soon as these are trained; not there where nothing is compressed. */
export interface PreviewRow {
  /** Place in the order of suspicion, from 1 */
  readonly rank: number
  /** Stable id of the example: its id column, else its image path, else a hash of its content */
  readonly example_id: string
  /** `train` or `test` */
  readonly split: string
  /** Given label, as class index */
  readonly label: number
  /** Name of the class of the given label */
  readonly label_name: string
  /** Probability that the given label is right, by the dense members alone, 0 to 1 */
  readonly label_quality: number
  /** Label it should rather have, as class index */
  readonly suggested_label: number
  /** Name of the class of the suggested label */
  readonly suggested_label_name: string
  /** Probability that the suggested label is right, 0 to 1 */
  readonly suggested_p: number
}

/** One row a member and example, in the order of the examples, then by seed. */
export interface PredictionsRow {
  /** Stable id of the example: its id column, else its image path, else a hash of its content */
  readonly example_id: string
  /** Seed of the member */
  readonly seed: number
  /** Whether the member trained on this example */
  readonly in_sample: boolean
  /** Class of the highest logit */
  readonly predicted: number
  /** How many classes rank above the given label; 0 where it is predicted */
  readonly rank_given: number
  /** Probability of the given label, 0 to 1 */
  readonly p_given: number
  /** Probability of the predicted class, 0 to 1 */
  readonly p_top: number
  /** log p of the given label − log p of the best other class, in nats */
  readonly margin: number
}

/** One row an example, in the order of the examples; the list is as long as there are classes. */
export interface ProbabilitiesRow {
  /** Stable id of the example: its id column, else its image path, else a hash of its content */
  readonly example_id: string
  /** Probability of each class, mean over the members that judge the example (out of sample where there are any) */
  readonly probabilities: Float32Array
  /** With `crossFit`: mean over the members that trained on the example, or over all of them where none did */
  readonly in_sample_probabilities?: Float32Array
}

/** One row a level and split. */
export interface LevelsRow {
  /** Compression level, such as `dense` or `magnitude-0.9` */
  readonly level: string
  /** `train` or `test` */
  readonly split: string
  /** Compression method: `dense`, a pruning (`magnitude`, `random`, `filter`), a quantization (`float16`, `int8-dynamic`, `int8-static`, `int8-aware`, `int4`), or both joined by `+` */
  readonly method: string
  /** Share of kernel weights that are zero, 0 to 1; with `filter`, share of filters that are gone */
  readonly sparsity: number
  /** Bits a kernel weight takes */
  readonly bits: number
  /** Members of the level */
  readonly members: number
  /** Size of a member’s ONNX file in bytes, mean over members */
  readonly size_bytes: number
  /** Kernel weights that are not zero, mean over members */
  readonly nonzero_weights: number
  /** Examples of the split */
  readonly examples: number
  /** Top-1 accuracy against the given labels on all examples, mean over members, 0 to 1; null where there are none */
  readonly top1_mean: number | null
  /** Its standard deviation over members; null with fewer than two members */
  readonly top1_sd: number | null
  /** Top-5 accuracy against the given labels on all examples, mean over members, 0 to 1; null where there are none */
  readonly top5_mean: number | null
  /** Its standard deviation over members; null with fewer than two members */
  readonly top5_sd: number | null
  /** Top-1 accuracy against the given labels on the PIEs of the level (of any level, for dense), mean over members, 0 to 1; null where there are none */
  readonly pie_top1_mean: number | null
  /** Its standard deviation over members; null with fewer than two members */
  readonly pie_top1_sd: number | null
  /** Top-5 accuracy against the given labels on the PIEs of the level (of any level, for dense), mean over members, 0 to 1; null where there are none */
  readonly pie_top5_mean: number | null
  /** Its standard deviation over members; null with fewer than two members */
  readonly pie_top5_sd: number | null
  /** Top-1 accuracy against the given labels on the examples that are no PIEs of the level (of any level, for dense), mean over members, 0 to 1; null where there are none */
  readonly non_pie_top1_mean: number | null
  /** Its standard deviation over members; null with fewer than two members */
  readonly non_pie_top1_sd: number | null
  /** Top-5 accuracy against the given labels on the examples that are no PIEs of the level (of any level, for dense), mean over members, 0 to 1; null where there are none */
  readonly non_pie_top5_mean: number | null
  /** Its standard deviation over members; null with fewer than two members */
  readonly non_pie_top5_sd: number | null
  /** PIEs of the level (for dense: PIEs of any level) */
  readonly pies: number
  /** PIEs ÷ examples, 0 to 1 */
  readonly pie_rate: number
  /** Classes whose recall changed significantly against dense */
  readonly significant_classes: number
  /** `paired` where every member is made from the dense member of its seed, else `welch`; null for dense, as everything below */
  readonly test: string | null
  /** Relative change of a lone class that the tests would have found with 80 % power, median over classes; null with fewer than two members */
  readonly detectable_change: number | null
  /** Standard deviation over classes of the relative change of recall */
  readonly impact_spread: number | null
  /** Spread that the members’ chance alone would give: root mean square of the standard errors */
  readonly impact_spread_chance: number | null
  /** Class of the lowest relative change */
  readonly worst_class: string | null
  /** Its relative change */
  readonly worst_class_change: number | null
  /** Share of the lost recall, summed over the classes that lose, borne by the tenth of classes that lose most */
  readonly worst_tenth_share: number | null
}

/** One row a compressed level, split and class, and one more for every value of a subgroup attribute within the class. */
export interface ClassesRow {
  /** Compression level, such as `dense` or `magnitude-0.9` */
  readonly level: string
  /** `train` or `test` */
  readonly split: string
  /** Subgroup attribute; null: the whole class */
  readonly group: string | null
  /** Its value; null: the whole class */
  readonly group_value: string | null
  /** Class index */
  readonly class: number
  /** Class name */
  readonly class_name: string
  /** Examples of the class (and subgroup) */
  readonly n: number
  /** Recall of the dense members, mean, 0 to 1; null where n = 0 */
  readonly dense_recall_mean: number | null
  /** Its standard deviation over members; null with fewer than two members */
  readonly dense_recall_sd: number | null
  /** Recall of the level’s members, mean, 0 to 1; null where n = 0 */
  readonly recall_mean: number | null
  /** Its standard deviation over members; null with fewer than two members */
  readonly recall_sd: number | null
  /** Change of recall against dense, beyond the change of the level’s accuracy on all classes */
  readonly relative_change: number | null
  /** Its standard error; null with fewer than two members */
  readonly relative_change_error: number | null
  /** Lower end of its interval of confidence 1 − alpha, for this class alone; null where there is no test */
  readonly relative_change_low: number | null
  /** Its upper end */
  readonly relative_change_high: number | null
  /** Change that would have been found with 80 % power, had this class been the only one to change */
  readonly detectable_change: number | null
  /** t of recall minus overall accuracy, level against dense, by the level’s `test`; null where it is undefined */
  readonly t: number | null
  /** Its degrees of freedom: Welch–Satterthwaite’s, or pairs − 1 */
  readonly df: number | null
  /** Two-sided p value */
  readonly p: number | null
  /** p adjusted by Benjamini–Hochberg over the classes of the level */
  readonly q: number | null
  /** Whether q is below the pipeline’s alpha */
  readonly significant: boolean
  /** `worse`, `better` or `none`: what compression does to the class, if significant */
  readonly direction: string
}

/** One row a level, split and member; the list is as long as there are classes. */
export interface MembersRow {
  /** Compression level, such as `dense` or `magnitude-0.9` */
  readonly level: string
  /** `train` or `test` */
  readonly split: string
  /** Seed of the member */
  readonly seed: number
  /** Top-1 accuracy against the given labels, out of sample where it can be; null where it was not asked */
  readonly top1: number | null
  /** Top-5 accuracy; null where members rank no classes */
  readonly top5: number | null
  /** Recall of each class, 0 to 1; NaN where it has no examples */
  readonly recalls: Float32Array
}

/** One row a pair of compressed levels, over the examples of all splits. */
export interface OverlapRow {
  /** One level */
  readonly level_a: string
  /** The other, later in the pipeline */
  readonly level_b: string
  /** PIEs of the one */
  readonly pies_a: number
  /** PIEs of the other */
  readonly pies_b: number
  /** Examples that are PIEs of both */
  readonly both: number
  /** both ÷ PIEs of either, 0 to 1; null where there are none */
  readonly jaccard: number | null
  /** Examples in both if the levels had nothing in common: pies_a · pies_b ÷ examples */
  readonly expected_both: number
}

/** One row a compressed level and size of the populations: 5 members, 10, …, half of them, and all. Nothing for populations of a single member. */
export interface StabilityRow {
  /** Compression level, such as `dense` or `magnitude-0.9` */
  readonly level: string
  /** Members of each population: up to half of those there are, then all */
  readonly members: number
  /** PIEs that such a population finds, mean */
  readonly pies_mean: number
  /** Lower end of the interval in which 95 % of what was drawn lies */
  readonly pies_low: number
  /** Its upper end */
  readonly pies_high: number
  /** Share of its PIEs that another one finds again, 0 to 1, mean; null where none finds any */
  readonly recurrence_mean: number | null
  /** Lower end of the interval in which 95 % of what was drawn lies */
  readonly recurrence_low: number | null
  /** Its upper end */
  readonly recurrence_high: number | null
  /** PIEs common to two such populations ÷ PIEs of either, 0 to 1, mean; null where none finds any */
  readonly jaccard_mean: number | null
  /** Lower end of the interval in which 95 % of what was drawn lies */
  readonly jaccard_low: number | null
  /** Its upper end */
  readonly jaccard_high: number | null
}

/** One row a split and given class with its wrong labels, then one for each class that its examples likely are of, half an example or more. */
export interface NoiseRow {
  /** `train` or `test` */
  readonly split: string
  /** Given label, as class index */
  readonly label: number
  /** Name of the class of the given label */
  readonly label_name: string
  /** Class that the examples are truly of, the given one where that is right; null: any but the given one */
  readonly likely_label: number | null
  /** Its name */
  readonly likely_label_name: string | null
  /** Estimated number of such examples */
  readonly count: number
  /** Lower end of its 95 % interval, for chance alone */
  readonly low: number
  /** Upper end */
  readonly high: number
}

/** One row an example, in the order of the examples. There is a `modal_…` and an `agreement_…` for every level, and an `is_pie_…` for every compressed one; here for `dense` and `magnitude-0.9`. */
export interface ScoresRow {
  /** Stable id of the example: its id column, else its image path, else a hash of its content */
  readonly example_id: string
  /** `train` or `test` */
  readonly split: string
  /** Given label, as class index */
  readonly label: number
  /** Known truth; −1: belongs to no class, null: unknown */
  readonly true_label?: number | null
  /** Modal label of `dense`: the class most members predict */
  readonly [name: `modal_${string}`]: number
  /** Share of the members of `dense` that predict it, 0 to 1 */
  readonly [name: `agreement_${string}`]: number
  /** Whether the modal labels of `dense` and `magnitude-0.9` differ */
  readonly [name: `is_pie_${string}`]: boolean
  /** At how many levels the example is a PIE */
  readonly pie_levels: number
  /** Total variation distance between the votes of `dense` and of a level, 0 to 1, mean over levels */
  readonly disagreement: number
  /** Probability that the given label is right, by all members that count and a fitted model of the label noise, 0 to 1 */
  readonly label_quality: number
  /** Whether the label quality falls under the run’s decision rule */
  readonly is_label_issue: boolean
  /** What is wrong with it, if it is a label issue: `wrong label` (clearly of another class), `ambiguous` (one of two classes), `no class` (none stands out); null: no issue */
  readonly issue_kind: string | null
  /** Label it should rather have: of a label issue the most likely other class, else the given label */
  readonly suggested_label: number
  /** Probability that the suggested label is right, 0 to 1 */
  readonly suggested_p: number
}

/** One row an example, in the order of the examples. The columns from `width` to `entropy` are there for images; luminance is that of the image itself, scaled down to 128 pixels a side where it is larger. */
export interface InspectionRow {
  /** Stable id of the example: its id column, else its image path, else a hash of its content */
  readonly example_id: string
  /** `train` or `test` */
  readonly split: string
  /** Width of the image as the source has it, in pixels */
  readonly width?: number
  /** Its height */
  readonly height?: number
  /** Mean luminance (ITU-R BT.601), 0 to 1 */
  readonly brightness?: number
  /** 5th percentile of luminance, 0 to 1 */
  readonly darkest?: number
  /** 99th percentile of luminance, 0 to 1 */
  readonly brightest?: number
  /** Standard deviation of luminance, 0 to 0.5 */
  readonly contrast?: number
  /** Perceptual blur (Crété et al. 2007), 0 sharp to 1; null where there is no edge to judge it by */
  readonly blur?: number | null
  /** Entropy of the histogram of luminance, 0 to 8 bits */
  readonly entropy?: number
  /** Number of its group of duplicates, exact and near; null for none */
  readonly duplicate_group: number | null
  /** Mean cosine distance to its neighbours in feature space, 0 to 2 */
  readonly neighbor_distance: number | null
  /** That distance over the mean of the neighbours’ own; 1: in their midst */
  readonly outlier_score: number | null
  /** Share of its neighbours that have its given label, 0 to 1 */
  readonly neighbor_agreement: number | null
  /** Given label of most of its neighbours, as class index */
  readonly neighbor_label: number | null
  /** Share of its neighbours that have it, 0 to 1 */
  readonly neighbor_label_share: number | null
  /** Class of the highest mean probability of the dense members */
  readonly first_label: number
  /** That probability */
  readonly first_p: number
  /** Class of the second highest */
  readonly second_label: number
  /** That probability */
  readonly second_p: number
  /** What kind of example it may be: `blurry`, `dark`, `bright`, `low-information`, `odd-size`, `odd-aspect`, `exact-duplicate`, `near-duplicate`, `duplicate-other-label` (a duplicate has another label), `leak` (a duplicate is in the other split), `outlier`, `ambiguous` (two plausible classes) */
  readonly hints: readonly string[]
}

/** One row an example and neighbour, in the order of the examples, nearest first. `features.npy` holds the features: float32 [examples, size], row for row with `examples.parquet`, each row of length 1. */
export interface NeighborsRow {
  /** Stable id of the example: its id column, else its image path, else a hash of its content */
  readonly example_id: string
  /** Place among the neighbours, from 1 */
  readonly rank: number
  /** Id of the neighbour */
  readonly neighbor_id: string
  /** Cosine of both examples’ features, −1 to 1 */
  readonly similarity: number
}

/** One row an example that is a PIE at some level or a label issue, most suspicious first: the columns of `scores.parquet`, and the example itself. */
export interface PiesRow {
  /** Place in the order of suspicion, from 1 */
  readonly rank: number
  /** Stable id of the example: its id column, else its image path, else a hash of its content */
  readonly example_id: string
  /** `train` or `test` */
  readonly split: string
  /** Given label, as class index */
  readonly label: number
  /** Known truth; −1: belongs to no class, null: unknown */
  readonly true_label?: number | null
  /** Modal label of `dense`: the class most members predict */
  readonly [name: `modal_${string}`]: number
  /** Share of the members of `dense` that predict it, 0 to 1 */
  readonly [name: `agreement_${string}`]: number
  /** Whether the modal labels of `dense` and `magnitude-0.9` differ */
  readonly [name: `is_pie_${string}`]: boolean
  /** At how many levels the example is a PIE */
  readonly pie_levels: number
  /** Total variation distance between the votes of `dense` and of a level, 0 to 1, mean over levels */
  readonly disagreement: number
  /** Probability that the given label is right, by all members that count and a fitted model of the label noise, 0 to 1 */
  readonly label_quality: number
  /** Whether the label quality falls under the run’s decision rule */
  readonly is_label_issue: boolean
  /** What is wrong with it, if it is a label issue: `wrong label` (clearly of another class), `ambiguous` (one of two classes), `no class` (none stands out); null: no issue */
  readonly issue_kind: string | null
  /** Label it should rather have: of a label issue the most likely other class, else the given label */
  readonly suggested_label: number
  /** Probability that the suggested label is right, 0 to 1 */
  readonly suggested_p: number
  /** Name of the class of the given label */
  readonly label_name: string
  /** Name of the class of the suggested label */
  readonly suggested_label_name: string
  /** What kind of example it may be: `blurry`, `dark`, `bright`, `low-information`, `odd-size`, `odd-aspect`, `exact-duplicate`, `near-duplicate`, `duplicate-other-label` (a duplicate has another label), `leak` (a duplicate is in the other split), `outlier`, `ambiguous` (two plausible classes) */
  readonly hints: readonly string[]
  /** Text of the example, for people: networks see its content alone */
  readonly text?: string | null
  /** Yours to fill in, null as written: one of `mislabeled`, `several-objects`, `corrupted`, `abstract`, `fine-grained`, `atypical` */
  readonly verdict: string | null
  /** The image as the source has it: encoded bytes, and path where there is one */
  readonly image?: ImageValue | null
  /** The features that the network sees, in their order */
  readonly features?: Float32Array
}

/** A level after another; of each, one row a corruption and severity, one a corruption over its severities, one a natural set, then means over categories. */
export interface RobustnessRow {
  /** Compression level, such as `dense` or `magnitude-0.9` */
  readonly level: string
  /** Name of the corruption or of the natural set; `mean`: mean over the corruptions of the category */
  readonly corruption: string
  /** `noise`, `blur`, `weather`, `digital`, `extra` (those that the paper keeps for validation), `natural`; `all`: the first four */
  readonly category: string
  /** 1 to 5; null: mean over the severities, and of natural sets */
  readonly severity: number | null
  /** Pictures, of each severity and corruption */
  readonly examples: number
  /** Members of the level */
  readonly members: number
  /** Top-1 accuracy against the given labels, mean over members, 0 to 1 */
  readonly top1_mean: number
  /** Its standard deviation over members; null with fewer than two members */
  readonly top1_sd: number | null
  /** Top-5 accuracy, mean over members, 0 to 1 */
  readonly top5_mean: number
  /** Its standard deviation over members; null with fewer than two members */
  readonly top5_sd: number | null
  /** Top-1 accuracy of the level on clean pictures: the same examples before corruption; of published files the whole test split, null where its classes are not as frequent as theirs; of natural sets the test examples of its classes, which alone compete */
  readonly clean_top1_mean: number | null
  /** top1_mean ÷ clean_top1_mean; null where that is null or 0 */
  readonly relative_top1: number | null
  /** relative_top1 ÷ that of dense; null where that is 0 */
  readonly [name: `relative_to_${string}`]: number | null
  /** Two-sided p value of top-1 ÷ clean top-1 over members, level against dense, by the level’s `test` in `levels.parquet`; null for dense and where there is no test */
  readonly p: number | null
  /** p adjusted by Benjamini–Hochberg over the rows of the level of this kind */
  readonly q: number | null
}

/** One row an arm and seed; then one row an arm, over its seeds. */
export interface RetrainRow {
  /** What the networks were trained on: `all`, `non-pie`, `cleaned`, `relabeled`, `relabeled-or-dropped`, `weighted`; `random` (removal of as many as `non-pie`) and `random-…` (as many as that arm) */
  readonly arm: string
  /** Seed of the network; null: mean over the seeds */
  readonly seed: number | null
  /** Training examples */
  readonly n: number
  /** Those of them with another label than the given one */
  readonly relabeled: number
  /** Top-1 accuracy on the test set, 0 to 1 */
  readonly top1: number
  /** Its standard deviation over seeds; null for a single seed */
  readonly top1_sd: number | null
  /** Top-1 accuracy on the test set’s PIEs; null where there are none */
  readonly pie_top1: number | null
  /** Top-1 accuracy on the rest of the test set; null where it is empty */
  readonly non_pie_top1: number | null
  /** top1 − top1 of the arm `all` with the same seed; null without that arm */
  readonly difference: number | null
  /** Lower end of the 95 % interval of the mean paired difference (Student’s t); null for a single seed */
  readonly difference_low: number | null
  /** Its upper end */
  readonly difference_high: number | null
  /** Mean of top1 − top1 of the arm that removes as many at random, paired by seed; null in the rows of seeds and without that arm */
  readonly over_random: number | null
  /** Lower end of its 95 % interval (Student’s t); null for a single seed */
  readonly over_random_low: number | null
  /** Its upper end */
  readonly over_random_high: number | null
}
