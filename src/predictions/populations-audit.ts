/** Populations that are known by their predictions alone, as an audit takes them. */
import { DataError } from '../errors.js'
import { levelNamed } from '../pipeline/levels.js'
import { splits } from '../scoring/accuracy-tally.js'
import { labelVotes } from '../scoring/label-votes.js'
import { meanProbabilities, memberPredictions } from '../scoring/member-predictions.js'
import type { LevelAnswers } from '../scoring/population-scores.js'
import type { AuditedExamples, AuditedPopulations } from '../stages/audit.js'
import { levelsOfPredictionsSchema } from '../tables/schemas.js'
import { toLogits } from './forms.js'
import { npyMatrix } from './matrix.js'
import type { LevelMembers, Member } from './members.js'

/** Logits in memory at a time, of all members and levels; of predicted labels, shares of votes of all levels. */
const portionValues = 2 ** 22
/** Examples taken at a time at most. */
const portionExamples = 8192

export interface PredictedPopulations {
  /** `dense` first. */
  readonly levels: readonly LevelMembers[]
  readonly examples: AuditedExamples
  readonly ids: readonly string[] | undefined
  readonly classNames: readonly string[]
  /** Class of each number of a label in the vocabulary, for predicted labels. */
  readonly classOf: Int32Array
  /** The file of the labels, for errors. */
  readonly labelsPath: string
}

/** @throws DataError if a member is about more or fewer examples than there are labels */
export function predictedPopulations(predicted: PredictedPopulations): AuditedPopulations {
  const { levels, examples, classNames } = predicted
  const count = examples.labels.length
  for (const { members } of levels)
    for (const member of members) requireExamples(member, count, predicted.labelsPath)
  const ranked = levels[0].members[0].form !== 'codes'
  return {
    levels: levels.map(({ level, seeds }) => ({
      level: levelNamed(level),
      test: 'welch' as const,
      members: seeds.map(seed => ({ seed, bytes: Number.NaN, nonZeroWeights: Number.NaN })),
    })),
    classNames,
    ranked,
    examples,
    levelsSchema: levelsOfPredictionsSchema,
    answers: () => answersOf(predicted),
    async *probabilities() {
      for await (const answers of answersOf(predicted)) {
        yield answers.map(({ probabilities }) => ({ judging: probabilities! }))
      }
    },
    async *rows() {
      for (let begin = 0; begin < count; begin += portionExamples) {
        const end = Math.min(count, begin + portionExamples)
        yield {
          ids: Array.from({ length: end - begin }, (_, i) => exampleId(predicted.ids, begin + i)),
          splits: Array.from(examples.split.subarray(begin, end), split => splits[split]),
        }
      }
    },
  }
}

/** Id of an example; its row where it has none. */
export const exampleId = (ids: readonly string[] | undefined, row: number): string =>
  ids?.[row] ?? String(row)

export function requireExamples(
  { path, examples }: Pick<Member, 'path' | 'examples'>,
  labels: number,
  labelsPath: string,
): void {
  if (examples === labels) return
  throw new DataError(`there are predictions of ${examples} examples, ${labelsPath} has ${labels} labels`, {
    file: path,
    mend: 'Give the predictions of exactly the examples that have labels, in the same order.',
  })
}

/** What all members of all levels say, in lock-step. */
async function* answersOf(predicted: PredictedPopulations): AsyncGenerator<LevelAnswers[]> {
  const { levels, examples, classNames, classOf } = predicted
  const classes = classNames.length
  const matrices = levels.reduce(
    (sum, { members }) => sum + (members[0].form === 'codes' ? 1 : members.length),
    0,
  )
  const rows = Math.max(1, Math.min(portionExamples, Math.floor(portionValues / (matrices * classes))))
  const readers = levels.map(({ members }) => members.map(member => rowsOfMember(member, rows, classOf)))
  try {
    for (let begin = 0; begin < examples.labels.length; begin += rows) {
      const labels = examples.labels.subarray(begin, begin + rows)
      const answers: LevelAnswers[] = []
      for (const members of readers) {
        const values = await Promise.all(members.map(async reader => (await reader.next()).value!))
        answers.push(answerOf(values, labels, classes))
      }
      yield answers
    }
  } finally {
    for (const reader of readers.flat()) await reader.return(undefined)
  }
}

/** A member's logits, float32 [rows, classes], or predicted classes, int32 [rows], some rows at a time. */
async function* rowsOfMember(
  { file, from, examples, form }: Member,
  rows: number,
  classOf: Int32Array,
): AsyncGenerator<Float32Array | Int32Array, undefined> {
  if (form === 'codes') {
    for await (const codes of file.blocks(rows)) yield Int32Array.from(codes, code => classOf[code])
    return
  }
  for await (const { values } of npyMatrix(file, form, from, examples).blocks(rows))
    yield toLogits(values, form)
}

function answerOf(
  members: readonly (Float32Array | Int32Array)[],
  labels: Int32Array,
  classes: number,
): LevelAnswers {
  const inSample = new Uint8Array(labels.length * members.length)
  if (members[0] instanceof Float32Array) {
    const logits = members as readonly Float32Array[]
    const { predicted, rankGiven } = memberPredictions(logits, labels, classes)
    const probabilities = meanProbabilities(logits, inSample, classes)
    return { predicted, ranks: rankGiven, inSample, probabilities }
  }
  const predicted = new Int32Array(inSample.length)
  for (const [m, classesOfMember] of members.entries()) {
    for (let i = 0; i < labels.length; i++) predicted[i * members.length + m] = classesOfMember[i]
  }
  return { predicted, inSample, ...labelVotes(predicted, labels, classes) }
}
