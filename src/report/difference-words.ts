/** What changed between two runs, in sentences: the terminal and the page say the same. */
import type { Difference, MarkChanges } from '../difference/difference.js'
import { count, counted, fraction, percent, points } from './format.js'

/** Rules of thumb for the population stability index. */
const stabilities = [
  [0.1, 'little'],
  [0.25, 'some'],
  [Number.POSITIVE_INFINITY, 'much'],
] as const

/** Level of the drift tests. */
export const driftAlpha = 0.01

/** What became of the examples. */
export function examplesSentence({ examples, a, b }: Difference): string {
  const changes = [
    [examples.added.count, 'added'],
    [examples.removed.count, 'removed'],
    [examples.relabeled.count, 'relabeled'],
    [examples.edited.count, 'of other content'],
    [examples.moved.count, 'in the other split'],
  ] as const
  const told = changes.filter(([number]) => number > 0).map(([number, what]) => `${count(number)} ${what}`)
  const sizes = a.examples === b.examples ? count(b.examples) : `${count(a.examples)} → ${count(b.examples)}`
  return told.length === 0 ? `The same ${sizes} examples.` : `${sizes} examples: ${told.join(', ')}.`
}

/** What became of the label issues, or of the PIEs. */
export function marksSentence(marks: MarkChanges, noun: string): string {
  const because = (parts: readonly (readonly [number, string])[]) => {
    const told = parts.filter(([number]) => number > 0).map(([number, what]) => `${count(number)} ${what}`)
    return told.length === 0 ? '' : ` (${told.join(', ')})`
  }
  const fresh = because([
    [marks.new.added, 'on added examples'],
    [marks.new.relabeled, 'on relabeled ones'],
    [marks.new.count - marks.new.added - marks.new.relabeled, 'judged otherwise'],
  ])
  const gone = because([
    [marks.gone.relabeled, 'relabeled'],
    [marks.gone.removed, 'removed'],
    [marks.gone.count - marks.gone.removed - marks.gone.relabeled, 'judged otherwise'],
  ])
  return `${counted(marks.a, noun)} → ${count(marks.b)}: ${count(marks.new.count)} new${fresh}, ${count(marks.gone.count)} gone${gone}, ${count(marks.still.count)} still there.`
}

/** How the estimated share of wrong labels moved; undefined where a side has no estimate. */
export function noiseSentence({ noise }: Difference): string | undefined {
  if (noise === undefined) return undefined
  const { a, b, difference } = noise
  const isClear = difference.low > 0 || difference.high < 0
  return `Labels estimated to be wrong: ${percent(a.share)} → ${percent(b.share)}, ${points(difference.share)} points (95 % interval ${points(difference.low)} to ${points(difference.high)}${isClear ? '' : ': no clear change'}).`
}

/** How the class shares moved. */
export function balanceSentence({ classes }: Difference): string {
  const { stability, test } = classes
  const [, much] = stabilities.find(([bound]) => stability < bound)!
  const start = `Class shares moved ${stability < 0.0005 ? 'not at all' : much} (population stability index ${fraction(stability)})`
  if (Number.isNaN(test.p)) return `${start}.`
  const verdict =
    test.p < driftAlpha ? 'are of other classes than the earlier data' : 'are of the same classes'
  return `${start}; the new examples ${verdict} (χ² = ${test.chiSquare.toFixed(1)}, ${counted(test.df, 'degree')} of freedom, ${pText(test.p)}).`
}

const pText = (p: number): string => (p < 0.001 ? `p ${fraction(p)}` : `p = ${fraction(p)}`)

/** Which image statistics of the new examples are not those of the earlier data; undefined where none are known. */
export function imagesSentence({ images }: Difference): string | undefined {
  if (images === undefined) return undefined
  if (images.every(({ p }) => Number.isNaN(p))) return 'No picture is new.'
  const drifted = images.filter(({ q }) => q < driftAlpha).map(({ statisticName }) => statisticName)
  return drifted.length === 0
    ? 'The new pictures look like the earlier ones, as far as statistics tell.'
    : `The new pictures differ from the earlier ones in ${drifted.join(', ')}.`
}

/** A caution where accuracies stand side by side that were not measured on the same examples. */
export function accuracyCaution({ examples, audited, levels }: Difference): string | undefined {
  if (levels.length === 0 || (audited === 'test' && examples.sameTest)) return undefined
  return audited === 'test'
    ? 'The test examples or their labels changed: accuracies are not of the same examples.'
    : 'Accuracies are out of sample on the training examples of each run.'
}

/** A value of a configuration as text. */
export function settingText(value: unknown): string {
  if (value === undefined) return '–'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
