import type { RecordBatch } from 'apache-arrow'

/**
 * Takes the rows of a table in portions of any size, whatever its batches are: for reading several tables in
 * lock-step. Holds one batch at a time.
 */
export class RowReader {
  readonly #batches: AsyncIterator<RecordBatch>
  #batch: RecordBatch | undefined
  #position = 0

  constructor(batches: AsyncIterable<RecordBatch>) {
    this.#batches = batches[Symbol.asyncIterator]()
  }

  /** The next `rows` rows, as slices in their order; fewer only where the table ends. */
  async take(rows: number): Promise<RecordBatch[]> {
    const slices: RecordBatch[] = []
    for (let missing = rows; missing > 0; ) {
      if (this.#batch === undefined || this.#position === this.#batch.numRows) {
        const next = await this.#batches.next()
        if (next.done) break
        this.#batch = next.value
        this.#position = 0
        continue
      }
      const end = Math.min(this.#batch.numRows, this.#position + missing)
      slices.push(this.#batch.slice(this.#position, end))
      missing -= end - this.#position
      this.#position = end
    }
    return slices
  }

  /** Frees what the table's reader holds; needed where rows are left untaken. */
  async close(): Promise<void> {
    await this.#batches.return?.()
  }
}
