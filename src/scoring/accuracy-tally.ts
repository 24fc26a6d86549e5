/** Row of the data set's split in a tally. */
export const splits = ['train', 'test'] as const
export type Split = (typeof splits)[number]

/** Answers of a level's members about some examples, [examples, members] each. */
export interface Answers {
  /** Class of the highest logit. */
  readonly predicted: Int32Array
  /** How many classes rank above the given label; 0 where it is predicted. */
  readonly ranks: Int32Array
  /** 1 where the member trained on the example. */
  readonly inSample: Uint8Array
}

/** The examples they are about, [examples] each. */
export interface AnsweredExamples {
  /** Given label, a class index. */
  readonly labels: Int32Array
  /** 0 for training and 1 for test examples: index into {@link splits}. */
  readonly split: Uint8Array
  /** 1 for PIEs of the level. */
  readonly pie: Uint8Array
  /** Of each subgroup attribute: number of the value, from 0, or −1 where it is missing. */
  readonly groups: readonly Int32Array[]
}

/** Accuracy of each member that was asked at all, in the order of the members. */
export interface MemberAccuracies {
  readonly top1: Float64Array
  readonly top5: Float64Array
}

/** A value of a subgroup attribute, both by their number; see {@link AnsweredExamples.groups}. */
export interface Subgroup {
  readonly attribute: number
  readonly value: number
}

export type Subset = 'all' | 'pie' | 'non-pie'

/** Counts of asked and right by cohort (out of sample, in sample), member and class. */
interface RecallCounts {
  readonly asked: Int32Array
  readonly right: Int32Array
}

const outOfSample = 0
const inSample = 1

/**
 * Counts right answers of one level's members, batch by batch: by split, by class, by subgroup, on PIEs and others.
 *
 * A member is judged on the examples of a split that it did not train on. Only where no member has any (training
 * examples without cross-fit) are members judged on what they trained on.
 */
export class AccuracyTally {
  /** asked, top-1 and top-5, by split, cohort, member and PIE or not. */
  readonly #answers: Int32Array
  readonly #classes: RecallCounts[]
  /** By attribute, value and split. */
  readonly #groups: RecallCounts[][][] = []

  constructor(
    readonly members: number,
    readonly classes: number,
  ) {
    this.#answers = new Int32Array(splits.length * 2 * members * 2 * 3)
    this.#classes = splits.map(() => this.#recallCounts())
  }

  #recallCounts(): RecallCounts {
    const size = 2 * this.members * this.classes
    return { asked: new Int32Array(size), right: new Int32Array(size) }
  }

  add(examples: AnsweredExamples, answers: Answers): void {
    const { members, classes } = this
    const { predicted, ranks } = answers
    for (let i = 0; i < examples.labels.length; i++) {
      const label = examples.labels[i]
      const split = examples.split[i]
      const pie = examples.pie[i]
      const counts = this.#classes[split]
      for (let member = 0, k = i * members; member < members; member++, k++) {
        const cohort = answers.inSample[k] * members + member
        const right = predicted[k] === label ? 1 : 0
        const answer = ((split * 2 * members + cohort) * 2 + pie) * 3
        this.#answers[answer]++
        this.#answers[answer + 1] += right
        if (ranks[k] < 5) this.#answers[answer + 2]++
        counts.asked[cohort * classes + label]++
        counts.right[cohort * classes + label] += right
      }
      for (let attribute = 0; attribute < examples.groups.length; attribute++) {
        const value = examples.groups[attribute][i]
        if (value < 0) continue
        const group = this.#group(attribute, value)[split]
        for (let member = 0, k = i * members; member < members; member++, k++) {
          const cell = (answers.inSample[k] * members + member) * classes + label
          group.asked[cell]++
          if (predicted[k] === label) group.right[cell]++
        }
      }
    }
  }

  #group(attribute: number, value: number): RecallCounts[] {
    this.#groups[attribute] ??= []
    this.#groups[attribute][value] ??= splits.map(() => this.#recallCounts())
    return this.#groups[attribute][value]
  }

  /** Which of a member's answers judge it on a split. */
  #cohort(split: number): number {
    const { asked } = this.#classes[split]
    return asked.subarray(0, this.members * this.classes).some(count => count > 0) ? outOfSample : inSample
  }

  /** Accuracies against the given labels on a split's examples, its PIEs or the others; no entry for a member without any. */
  accuracies(split: Split, subset: Subset = 'all'): MemberAccuracies {
    const row = splits.indexOf(split)
    const cohort = this.#cohort(row)
    const top1: number[] = []
    const top5: number[] = []
    for (let member = 0; member < this.members; member++) {
      const sum = [0, 0, 0]
      for (const pie of subset === 'all' ? [0, 1] : [subset === 'pie' ? 1 : 0]) {
        const answer = (((row * 2 + cohort) * this.members + member) * 2 + pie) * 3
        for (let k = 0; k < 3; k++) sum[k] += this.#answers[answer + k]
      }
      if (sum[0] === 0) continue
      top1.push(sum[1] / sum[0])
      top5.push(sum[2] / sum[0])
    }
    return { top1: Float64Array.from(top1), top5: Float64Array.from(top5) }
  }

  /**
   * What one member, by its place, gets right on a split: its accuracies, and its recall of each class, [classes]. NaN
   * where it was not asked.
   */
  member(split: Split, member: number): { top1: number; top5: number; recalls: number[] } {
    const row = splits.indexOf(split)
    const cohort = this.#cohort(row) * this.members + member
    const [asked, first, firstFive] = [0, 1, 2].map(
      k =>
        this.#answers[(row * 2 * this.members + cohort) * 6 + k] +
        this.#answers[(row * 2 * this.members + cohort) * 6 + 3 + k],
    )
    const counts = this.#classes[row]
    const recalls = Array.from({ length: this.classes }, (_, label) => {
      const cell = cohort * this.classes + label
      return counts.right[cell] / counts.asked[cell]
    })
    return { top1: first / asked, top5: firstFive / asked, recalls }
  }

  /** Recall of each class by the members that were asked about it, in the order of the members; of a subgroup if one is named. */
  recalls(split: Split, group?: Subgroup): Float64Array[] {
    const counts = this.#counts(split, group)
    const first = this.#cohort(splits.indexOf(split)) * this.members
    return Array.from({ length: this.classes }, (_, label) => {
      const recalls: number[] = []
      for (let member = 0; member < this.members; member++) {
        const cell = (first + member) * this.classes + label
        if (counts.asked[cell] > 0) recalls.push(counts.right[cell] / counts.asked[cell])
      }
      return Float64Array.from(recalls)
    })
  }

  /** Examples of each class on a split, [classes]; of a subgroup if one is named. */
  examplesPerClass(split: Split, group?: Subgroup): Int32Array {
    const { asked } = this.#counts(split, group)
    const inSampleAt = this.members * this.classes
    return Int32Array.from({ length: this.classes }, (_, label) => asked[label] + asked[inSampleAt + label])
  }

  #counts(split: Split, group: Subgroup | undefined): RecallCounts {
    const row = splits.indexOf(split)
    return group === undefined ? this.#classes[row] : this.#group(group.attribute, group.value)[row]
  }

  /** Share of right answers among all given out of sample, whatever the split; among all where none were. NaN of nothing. */
  pooledAccuracy(): number {
    const judged = this.#shareRight(this.#classes, outOfSample)
    return Number.isNaN(judged) ? this.#shareRight(this.#classes, inSample) : judged
  }

  /** Share of right answers on a split, among those given in sample and out of it; NaN of none. */
  sampleAccuracies(split: Split): { inSample: number; outOfSample: number } {
    const counts = [this.#classes[splits.indexOf(split)]]
    return {
      inSample: this.#shareRight(counts, inSample),
      outOfSample: this.#shareRight(counts, outOfSample),
    }
  }

  #shareRight(of: readonly RecallCounts[], cohort: number): number {
    let asked = 0
    let right = 0
    const size = this.members * this.classes
    for (const counts of of) {
      for (let cell = cohort * size; cell < (cohort + 1) * size; cell++) {
        asked += counts.asked[cell]
        right += counts.right[cell]
      }
    }
    return right / asked
  }
}
