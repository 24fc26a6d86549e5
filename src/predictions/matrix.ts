/** A matrix of predictions on disk, [examples, classes], read some rows at a time whatever its format. */
import { ConfigError, DataError } from '../errors.js'
import type { PredictionForm } from '../scoring/matrix-scores.js'
import { stringColumn } from '../tables/columns.js'
import { firstFault } from './forms.js'
import { NpyFile, type Numbers } from './npy.js'
import { matrixClasses, openTable, predictionColumns, predictionsOf, rowsOf, type Table } from './table.js'

export interface MatrixBlock {
  /** [rows, classes]; holds until the next block is asked for. */
  readonly values: Numbers
  /** Ids of the examples, where the file has them. */
  readonly ids: readonly string[] | undefined
}

export interface MatrixShape {
  readonly path: string
  readonly classes: number
  /** Names of the classes, where the file has them. */
  readonly classNames: readonly string[] | undefined
}

export interface Matrix extends MatrixShape {
  /** The rows in their order, at most `rows` at a time. @throws DataError that names file and row */
  blocks(rows: number): AsyncGenerator<MatrixBlock>
}

/**
 * Opens the matrix in an `.npy` file or a table.
 * @param others columns of the table that hold no predictions
 * @throws DataError that names the file
 */
export async function openMatrix(
  path: string,
  form: PredictionForm,
  others: readonly string[] = [],
): Promise<Matrix> {
  if (/\.npy$/i.test(path)) {
    const file = await NpyFile.open(path)
    if (file.shape.length !== 2 || file.isText) {
      throw new DataError(`the array is [${file.shape.join(', ')}]`, {
        file: path,
        mend: 'It must be a matrix, [examples, classes].',
      })
    }
    return npyMatrix(file, form, 0, file.rows)
  }
  const table = await openTable(path)
  return tableMatrix(table, form, others)
}

/** Some rows of an array file as a matrix of its own. */
export function npyMatrix(file: NpyFile, form: PredictionForm, from: number, count: number): Matrix {
  return {
    path: file.path,
    classes: file.columns,
    classNames: undefined,
    async *blocks(rows) {
      let row = from
      for await (const values of file.blocks(rows, from, count)) {
        requireSound(values, file.columns, form, file.path, row)
        yield { values, ids: undefined }
        row += values.length / file.columns
      }
    },
  }
}

async function tableMatrix(table: Table, form: PredictionForm, others: readonly string[]): Promise<Matrix> {
  const { path } = table
  const columns = predictionColumns(table, others)
  const idColumn = idColumnOf(table)
  const classes = await matrixClasses(table, columns)
  return {
    path,
    classes,
    classNames: columns.isVector ? undefined : columns.names,
    // A table's batches are as large as its format makes them, which is small.
    async *blocks() {
      let row = 0
      for await (const batch of rowsOf(table, idColumn === undefined ? [] : [idColumn])) {
        const values = predictionsOf(batch, columns, path, row, classes)
        requireSound(values, classes, form, path, row)
        yield { values, ids: idColumn === undefined ? undefined : stringColumn(batch, idColumn) }
        row += batch.numRows
      }
    },
  }
}

/** The column of ids of examples, if the table has one. */
export const idColumnOf = ({ columns }: Table): string | undefined =>
  columns.find(({ name }) => name === 'example_id' || name === 'id')?.name

/** @throws DataError that names the first row that is not of this form */
export function requireSound(
  values: Numbers,
  classes: number,
  form: PredictionForm,
  path: string,
  row: number,
): void {
  const fault = firstFault(values, classes, form)
  if (fault === undefined) return
  throw new DataError(fault.message, { file: path, row: row + fault.row, mend: fault.mend })
}

/** @throws DataError if a matrix is about other classes than another */
export function requireSameClasses(matrix: MatrixShape, first: MatrixShape): void {
  if (matrix.classes !== first.classes) {
    throw new DataError(`there are ${matrix.classes} classes, in ${first.path} ${first.classes}`, {
      file: matrix.path,
      mend: 'All predictions must be about the same classes in the same order.',
    })
  }
  const [names, others] = [matrix.classNames, first.classNames]
  const other = names?.findIndex((name, c) => others !== undefined && name !== others[c]) ?? -1
  if (other < 0) return
  throw new DataError(`class ${other} is "${names![other]}", in ${first.path} "${others![other]}"`, {
    file: matrix.path,
    mend: 'All predictions must be about the same classes in the same order.',
  })
}

/** @throws ConfigError if there is nothing to choose from */
export function requireClasses({ path, classes }: MatrixShape): void {
  if (classes >= 2) return
  throw new ConfigError(`there ${classes === 1 ? 'is 1 class' : 'are no classes'}`, {
    file: path,
    mend: 'Give a column for every class; of two classes both. Predicted labels are read with --form labels.',
  })
}
