/** From labels as the source has them to class indexes. */
import type { DataError } from '../errors.js'
import { didYouMean } from '../nearest.js'
import { exampleError, type RawExample, type RawLabel } from './source.js'

type Label = Exclude<RawLabel, null>
type ExamplePlace = Pick<RawExample, 'file' | 'row'>

/** The distinct labels of a part, numbered in the order in which they come. */
export class LabelVocabulary {
  readonly #codes = new Map<Label, number>()
  readonly #labels: { readonly label: Label; readonly first: ExamplePlace }[] = []

  /** The label's number. */
  add(label: Label, example: ExamplePlace): number {
    const known = this.#codes.get(label)
    if (known !== undefined) return known
    const code = this.#labels.length
    this.#codes.set(label, code)
    this.#labels.push({ label, first: { file: example.file, row: example.row } })
    return code
  }

  /** Label number i and the example that had it first. */
  get labels(): readonly { readonly label: Label; readonly first: ExamplePlace }[] {
    return this.#labels
  }
}

export interface Classes {
  readonly names: readonly string[]
  /** The label by which the source knows each class: its index, another integer, or its name. */
  readonly labels: readonly Label[]
  /** The class of a label; undefined if it is that of none. */
  indexOf(label: Label): number | undefined
}

/**
 * The classes of a data set. With declared names, labels are names or indexes into them; otherwise they are the
 * distinct labels of the training data: integers in order, or text in code-unit order.
 * @throws DataError if a label belongs to none of the declared classes or is a number that is not whole
 */
export function resolveClasses(
  vocabulary: LabelVocabulary,
  declared: readonly string[] | undefined,
  column: string,
): Classes {
  const { labels } = vocabulary
  for (const { label, first } of labels) {
    if (typeof label === 'number' && !Number.isSafeInteger(label)) {
      throw exampleError(first, `the label ${label} is no whole number`, {
        key: column,
        mend: 'Labels are integers or text; a number to be predicted (regression) is neither.',
      })
    }
  }
  const areIntegers = labels.every(({ label }) => integerOf(label) !== undefined)
  if (declared !== undefined) {
    const areNames = labels.every(
      ({ label }) => typeof label === 'string' && (!areIntegers || declared.includes(label)),
    )
    const classes = classesOf(declared, areNames ? declared : [...declared.keys()])
    for (const { label, first } of labels) {
      if (classes.indexOf(label) === undefined) throw unknownLabel(label, first, classes, column)
    }
    return classes
  }
  if (areIntegers) {
    const integers = [...new Set(labels.map(({ label }) => integerOf(label)!))].sort((a, b) => a - b)
    return classesOf(integers.map(String), integers)
  }
  const names = labels.map(({ label }) => String(label)).sort()
  return classesOf(names, names)
}

/** An error about a label that is none of the classes. */
export function unknownLabel(
  label: Label,
  example: ExamplePlace,
  classes: Classes,
  column: string,
): DataError {
  const known = classes.names.length > 12 ? [...classes.names.slice(0, 12), '…'] : classes.names
  return exampleError(example, `the label "${label}" is none of the ${classes.names.length} classes`, {
    key: column,
    mend: `${didYouMean(String(label), classes.names)}The classes are ${known.join(', ')}.`,
  })
}

function classesOf(names: readonly string[], labels: readonly Label[]): Classes {
  const indexes = new Map(labels.map((label, index) => [label, index]))
  const areIntegers = typeof labels[0] === 'number'
  return {
    names,
    labels,
    indexOf: label => indexes.get(areIntegers ? (integerOf(label) ?? label) : String(label)),
  }
}

/** The integer that a label is or, in a CSV, spells; text with leading zeros is no integer but a name. */
function integerOf(label: Label): number | undefined {
  if (typeof label === 'number') return label
  return /^[+-]?(0|[1-9]\d{0,14})(\.0+)?$/.test(label) ? Number(label) : undefined
}
