/** What is to change in a data set, from decisions of people and from what the run suggests. Pure but for reading. */
import { join } from 'node:path'
import { Field, Int32, Schema, Utf8 } from 'apache-arrow'
import type { DatasetInfo } from '../dataset/info.js'
import type { Part } from '../dataset/source.js'
import { DataError } from '../errors.js'
import { didYouMean } from '../nearest.js'
import { openTable } from '../pipeline/files.js'
import { currentDecisions, type Decision, decisionKey, type ReviewEvent } from '../review/decisions.js'
import { booleanColumn, float32Column, int32Column, recordBatch, stringColumn } from '../tables/columns.js'

/** What becomes of one example, who said so, and why. */
export interface Change {
  readonly exampleId: string
  readonly split: 'train' | 'test'
  /** The data that hold it: held-out examples may be rows of the training data. */
  readonly part: Part
  /** Name of its file among the source's, and its row there; of an image folder the path of the image, and 0. */
  readonly file: string
  readonly row: number
  /** Class index of the given label. */
  readonly from: number
  /** Class index of the new label; null where the example leaves the data set. */
  readonly to: number | null
  readonly who: string
  /** UTC, ISO 8601. */
  readonly when: string
  readonly why: string
}

/** What was decided and what is done without. */
export interface Choice {
  readonly events: readonly ReviewEvent[]
  /**
   * Label issues of the training data that nobody judged take the suggested label where its probability is this high,
   * 0 to 1; undefined: none does. Held-out data are never changed without a person: models would judge themselves.
   */
  readonly suggestions?: number
}

export interface ChosenChanges {
  /** In the order of the run's tables. */
  readonly changes: readonly Change[]
  /** Decisions that leave the example as it is. */
  readonly kept: number
  /** Examples about which reviewers disagree; they stay as they are. */
  readonly disputed: number
  /** Decisions about examples or labels that the run does not have. */
  readonly unmatched: number
  /** Examples of each class as they are, [classes]. */
  readonly classCounts: Readonly<Record<'train' | 'test', readonly number[]>>
}

/** @param run who suggests, and when its run ended */
export async function chooseChanges(
  folder: string,
  info: DatasetInfo,
  hasTestData: boolean,
  { events, suggestions }: Choice,
  run: { readonly id: string; readonly finished: string },
): Promise<ChosenChanges> {
  const standings = currentDecisions(events)
  const changes: Change[] = []
  let kept = 0
  let disputed = 0
  let matched = 0
  const none = () => new Array<number>(info.classNames.length).fill(0)
  const classCounts = { train: none(), test: none() }
  for await (const example of examplesOf(folder, info.source.format === 'folder')) {
    const { exampleId, label, split } = example
    classCounts[split][label]++
    const place = {
      exampleId,
      split,
      part: split === 'test' && hasTestData ? ('test' as const) : ('train' as const),
      file: example.file,
      row: example.row,
      from: label,
    }
    const standing = standings.get(decisionKey(exampleId, info.classNames[label]))
    if (standing !== undefined) {
      matched++
      const { decision } = standing
      if (standing.disputed) disputed++
      else if (decision.action === 'keep' || decision.action === 'unsure') kept++
      else {
        changes.push({
          ...place,
          to: decision.action === 'drop' ? null : classOf(decision, info),
          who: decision.reviewer,
          when: decision.time,
          why: [decision.kind, decision.note].filter(text => text !== undefined).join(': '),
        })
      }
    } else if (
      suggestions !== undefined &&
      split === 'train' &&
      example.isIssue &&
      example.suggested !== label &&
      // Tables hold probabilities in 32 bits: 0.9 there is a little less than 0.9 here.
      example.suggestedP >= Math.fround(suggestions)
    ) {
      const why = `suggested with probability ${example.suggestedP.toFixed(3)}`
      changes.push({ ...place, to: example.suggested, who: `run ${run.id}`, when: run.finished, why })
    }
  }
  return { changes, kept, disputed, unmatched: standings.size - matched, classCounts }
}

/** @throws DataError if the decision is for a class that the data set does not have */
function classOf({ label, example_id }: Decision, { classNames }: DatasetInfo): number {
  const index = classNames.indexOf(label!)
  if (index >= 0) return index
  throw new DataError(`the decision about ${example_id} is for the class "${label}", which is none`, {
    mend: `${didYouMean(label!, classNames)}Take it back, or decide for one of the ${classNames.length} classes.`,
  })
}

interface JudgedExample {
  readonly exampleId: string
  readonly split: 'train' | 'test'
  readonly file: string
  readonly row: number
  readonly label: number
  readonly isIssue: boolean
  readonly suggested: number
  readonly suggestedP: number
}

async function* examplesOf(folder: string, isFolder: boolean): AsyncGenerator<JudgedExample> {
  const columns = ['is_label_issue', 'suggested_label', 'suggested_p']
  const verdicts = { issue: [] as number[], suggested: [] as number[], p: [] as number[] }
  for await (const batch of openTable(join(folder, 'scores.parquet'), { columns })) {
    for (const value of booleanColumn(batch, 'is_label_issue')) verdicts.issue.push(value)
    for (const value of int32Column(batch, 'suggested_label')) verdicts.suggested.push(value)
    for (const value of float32Column(batch, 'suggested_p')) verdicts.p.push(value)
  }
  let at = 0
  const places = ['example_id', 'split', 'label', 'source']
  for await (const batch of openTable(join(folder, 'examples.parquet'), { columns: places })) {
    const ids = stringColumn(batch, 'example_id')
    const splits = stringColumn(batch, 'split')
    const sources = stringColumn(batch, 'source')
    for (const [index, label] of int32Column(batch, 'label').entries()) {
      const source = sources[index]
      const end = isFolder ? source.length : source.lastIndexOf('#')
      yield {
        exampleId: ids[index],
        split: splits[index] as 'train' | 'test',
        file: source.slice(0, end),
        row: isFolder ? 0 : Number(source.slice(end + 1)),
        label,
        isIssue: verdicts.issue[at] === 1,
        suggested: verdicts.suggested[at],
        suggestedP: verdicts.p[at],
      }
      at++
    }
  }
}

const field = (name: string, nullable: boolean, description: string, type = new Utf8()) =>
  new Field(name, type, nullable, new Map([['description', description]]))

/** `changes.parquet`: one row a change, in the order of the run's tables. */
export const changesSchema = new Schema([
  field('example_id', false, 'Stable id of the example in the run'),
  field('split', false, '`train` or `test`'),
  field('file', false, 'File of the source, or path of the image'),
  new Field('row', new Int32(), false, new Map([['description', 'Row in that file, from 0']])),
  field('action', false, '`relabel` or `drop`'),
  field('from', false, 'Class name of the label as it was'),
  field('to', true, 'Class name of the new label; null: the example left the data set'),
  field('who', false, 'Who decided: a reviewer, or a run by its suggestion'),
  field('when', false, 'When, UTC, ISO 8601'),
  field('why', false, 'Kind and note of the decision, or the probability of the suggestion'),
])

/** The changes as rows of {@link changesSchema}. */
export function changesBatch(changes: readonly Change[], classNames: readonly string[]) {
  return recordBatch(changesSchema, {
    example_id: changes.map(({ exampleId }) => exampleId),
    split: changes.map(({ split }) => split),
    file: changes.map(({ file }) => file),
    row: Int32Array.from(changes, ({ row }) => row),
    action: changes.map(({ to }) => (to === null ? 'drop' : 'relabel')),
    from: changes.map(({ from }) => classNames[from]),
    to: changes.map(({ to }) => (to === null ? null : classNames[to])),
    who: changes.map(({ who }) => who),
    when: changes.map(({ when }) => when),
    why: changes.map(({ why }) => why),
  })
}
