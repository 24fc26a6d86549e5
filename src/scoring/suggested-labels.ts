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
  const [label, probability] = [given.slice(), quality.slice()]
  for (let i = 0; i < label.length; i++) {
    if (!issues[i]) continue
    label[i] = rival[i]
    probability[i] = rivalP[i]
  }
  return { label, probability }
}

/** The kind of each label issue, [examples]; null where there is none. */
export function issueKindsOf(issues: ArrayLike<number>, { kind }: LabelJudgement): (IssueKind | null)[] {
  const kinds = new Array<IssueKind | null>(kind.length).fill(null)
  for (let i = 0; i < kinds.length; i++) if (issues[i]) kinds[i] = issueKinds[kind[i]]
  return kinds
}
