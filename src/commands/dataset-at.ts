/** The data set at a path, as far as its place and the names of its columns tell. */
import type { GuessedColumns } from '../dataset/detect.js'
import type { SourceDescription } from '../dataset/source.js'
import { DataError } from '../errors.js'
import type { DatasetConfig, Pipeline } from '../pipeline/config.js'
import { resolvePipeline } from '../pipeline/load.js'
import { canAsk, choose } from '../terminal/ask.js'

/** Columns that people see at most unless they ask for more. */
const shownColumns = 8

export interface LabelChoice {
  /** Column of the label, where the user named it. */
  readonly label?: string | undefined
  /** Whether the user may be asked which it is. */
  readonly mayAsk: boolean
}

export interface FoundDataset {
  /** A pipeline that reads it, all else at its defaults. */
  readonly pipeline: Pipeline
  /** Columns that may be the label as well, where nobody said which it is. */
  readonly doubts: readonly string[]
  /** Whether the label is a guess, the only column of text. */
  readonly isGuess: boolean
}

/**
 * @throws ConfigError if there is no data set
 * @throws DataError if nothing tells which column is the label, and nobody can be asked
 */
export async function datasetAt(path: string, { label, mayAsk }: LabelChoice): Promise<FoundDataset> {
  const [{ columnsToRead, detectData, guessColumns }, { openReader }] = await Promise.all([
    import('../dataset/detect.js'),
    import('../dataset/open.js'),
  ])
  const places = await detectData(path)
  const reading = (columns: Partial<DatasetConfig>) =>
    resolvePipeline({ name: 'dataset', dataset: { ...places, ...columns } }, '.')
  const description = await (await openReader(reading({}).dataset, 'train')).describe()
  const guessed = guessColumns(description)
  const { trueLabel, id, others } = guessed
  const asks = mayAsk && canAsk()
  const chosen = label ?? (await labelColumn(places.path, description, guessed, asks))
  const test =
    places.test === undefined ? description : await (await openReader(reading({}).dataset, 'test')).describe()
  const taken = [chosen, trueLabel, id, ...others].filter(name => name !== undefined)
  const texts = columnsToRead(description, taken)
    .filter(text => test.columns.some(({ name }) => name === text))
    .slice(0, shownColumns)
  return {
    pipeline: reading({
      label: chosen,
      ...(texts.length > 0 && { text: texts }),
      ...(trueLabel !== undefined && trueLabel !== chosen && { trueLabel }),
      ...(id !== undefined && id !== chosen && { id }),
    }),
    doubts: label !== undefined || asks ? [] : others,
    isGuess: label === undefined && guessed.isOnlyText === true,
  }
}

/** The column that looks like the label, or that the user says is it. */
async function labelColumn(
  file: string,
  { columns }: SourceDescription,
  { label, others }: GuessedColumns,
  asks: boolean,
): Promise<string> {
  if (label !== undefined && others.length === 0) return label
  if (asks) {
    const likely = label === undefined ? others : [label, ...others]
    const all = columns.filter(({ kind }) => kind === 'text' || kind === 'number').map(({ name }) => name)
    return choose('Which column is the label?', likely.length > 0 ? likely : all, label, {
      input: process.stdin,
      output: process.stdout,
    })
  }
  if (label !== undefined) return label
  throw new DataError(
    others.length === 0 ? 'no column looks like a label' : 'several columns look like a label',
    {
      file,
      mend: `Name it with --label. The columns are ${columns.map(({ name }) => name).join(', ')}.`,
    },
  )
}
