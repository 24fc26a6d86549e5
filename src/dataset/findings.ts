/** What the first reading of a data set tells about it, for whoever has not looked at it yet. */
import { GrowingArray } from './growing.js'
import { repeatedHashes } from './identity.js'
import { countClasses, type IngestPlan } from './plan.js'

export interface DatasetFindings {
  /** Usable examples of the training data, those that will be held out included, and of the test data. */
  readonly train: number
  readonly test: number
  /** Training examples of each class, in the order of the classes. */
  readonly classes: readonly { readonly name: string; readonly examples: number }[]
  /** Sizes of the images, the most frequent first; none for features. */
  readonly sizes: readonly { readonly height: number; readonly width: number; readonly examples: number }[]
  /** Examples that cannot be used: each with its place and what is wrong with it. */
  readonly unusable: readonly string[]
  readonly copies: Copies
  /** Names of classes that differ by case, spaces and punctuation alone. */
  readonly alike: readonly (readonly string[])[]
}

/** Examples of exactly the same content. */
export interface Copies {
  /** How many could go without a content being lost. */
  readonly examples: number
  /** How many share their content with an example of another label. */
  readonly conflicting: number
  /** How many of the test data are among the training data too. */
  readonly acrossParts: number
}

export function datasetFindings(plan: IngestPlan): DatasetFindings {
  const { parts, classes } = plan
  const [train, test] = parts.map(({ classes: ofRows }) =>
    countClasses(ofRows, classes.names.length, () => true),
  )
  const total = (counts: readonly number[] = []) => counts.reduce((sum, examples) => sum + examples, 0)
  return {
    train: total(train),
    test: total(test),
    classes: classes.names.map((name, index) => ({ name, examples: train[index] })),
    sizes: sizesOf(plan),
    unusable: parts.flatMap(({ survey, description: { format } }) =>
      survey.skipped.map(({ file, row, reason }) =>
        format === 'folder' ? `${file}: ${reason}` : `${file}, row ${row}: ${reason}`,
      ),
    ),
    copies: copiesIn(plan),
    alike: alikeNames(classes.names),
  }
}

function sizesOf({ parts }: IngestPlan): DatasetFindings['sizes'] {
  const counts = new Map<string, number>()
  for (const { survey } of parts) {
    for (const [size, examples] of survey.sizes) counts.set(size, (counts.get(size) ?? 0) + examples)
  }
  return [...counts]
    .map(([size, examples]) => {
      const [height, width] = size.split('×').map(Number)
      return { height, width, examples }
    })
    .sort((a, b) => b.examples - a.examples || a.height * a.width - b.height * b.width)
}

function copiesIn({ parts }: IngestPlan): Copies {
  const contents = new GrowingArray(BigUint64Array)
  const usable = parts.map(({ classes, survey, part }) => ({
    rows: [...classes.keys()].filter(row => classes[row] >= 0),
    classes,
    hashes: survey.ids.content,
    part,
  }))
  for (const { rows, hashes } of usable) for (const row of rows) contents.push(hashes[row])
  const repeated = repeatedHashes(contents.values)
  const groups = new Map<bigint, { labels: Set<number>; train: number; test: number }>()
  for (const { rows, classes, hashes, part } of usable) {
    for (const row of rows) {
      if (!repeated.has(hashes[row])) continue
      const group = groups.get(hashes[row]) ?? { labels: new Set(), train: 0, test: 0 }
      groups.set(hashes[row], group)
      group.labels.add(classes[row])
      group[part]++
    }
  }
  let [examples, conflicting, acrossParts] = [0, 0, 0]
  for (const { labels, train, test } of groups.values()) {
    examples += train + test - 1
    if (labels.size > 1) conflicting += train + test
    if (train > 0) acrossParts += test
  }
  return { examples, conflicting, acrossParts }
}

function alikeNames(names: readonly string[]): string[][] {
  const groups = new Map<string, string[]>()
  for (const name of names) {
    const letters = name
      .normalize('NFKC')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, '')
    // Names of signs alone, such as "+" and "-", are what they are.
    if (letters === '') continue
    groups.set(letters, [...(groups.get(letters) ?? []), name])
  }
  return [...groups.values()].filter(({ length }) => length > 1)
}
