import { type IssueKind, issueKinds, type LabelJudgement } from './noise-model.js'

export interface SuggestedLabels {
  /** The label that the example should rather have, [examples]; the given one where that is no issue. */
  readonly label: Int32Array
  /** Probability that it is right, [examples]. */
  readonly probability: Float32Array
}

/** Suggests the most likely other class for each label issue. @param issues 1 for label issues, [examples] */
export function suggestedLabels(
  given: Int32Array,
  issues: ArrayLike<number>,
  { quality, rival, rivalP }: LabelJudgement,
): SuggestedLabels {
  return {
    label: given.map((label, i) => (issues[i] ? rival[i] : label)),
    probability: quality.map((own, i) => (issues[i] ? rivalP[i] : own)),
  }
}

/** The kind of each label issue, [examples]; null where there is none. */
export function issueKindsOf(issues: ArrayLike<number>, { kind }: LabelJudgement): (IssueKind | null)[] {
  return Array.from(kind, (value, i) => (issues[i] ? issueKinds[value] : null))
}
