/** Pictures of a run by row: asked for one by one, read together, and kept for a while. */

/** Requests that come within this time are read together: a row group is decoded once for all of them. */
const gatherMilliseconds = 2

export class PictureCache {
  readonly #kept = new Map<number, Uint8Array>()
  readonly #waiting = new Map<number, Promise<Uint8Array | undefined>>()
  #batch: { rows: number[]; read: Promise<Map<number, Uint8Array>> } | undefined
  #bytes = 0

  /**
   * @param read reads images by their row
   * @param mostBytes of images that are kept, the longest unused go first
   */
  constructor(
    private readonly read: (rows: readonly number[]) => Promise<Map<number, Uint8Array>>,
    private readonly mostBytes: number,
  ) {}

  /** The encoded image of a row; undefined where there is none. */
  get(row: number): Promise<Uint8Array | undefined> {
    const kept = this.#kept.get(row)
    if (kept !== undefined) {
      this.#kept.delete(row)
      this.#kept.set(row, kept)
      return Promise.resolve(kept)
    }
    const waiting = this.#waiting.get(row)
    if (waiting !== undefined) return waiting
    const found = this.#join(row).finally(() => this.#waiting.delete(row))
    this.#waiting.set(row, found)
    return found
  }

  async #join(row: number): Promise<Uint8Array | undefined> {
    this.#batch ??= this.#open()
    this.#batch.rows.push(row)
    const image = (await this.#batch.read).get(row)
    if (image !== undefined) this.#keep(row, image)
    return image
  }

  #open(): { rows: number[]; read: Promise<Map<number, Uint8Array>> } {
    const rows: number[] = []
    const read = new Promise(resolve => setTimeout(resolve, gatherMilliseconds)).then(() => {
      this.#batch = undefined
      return this.read(rows)
    })
    return { rows, read }
  }

  #keep(row: number, image: Uint8Array): void {
    this.#kept.set(row, image)
    this.#bytes += image.length
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= this.mostBytes || oldest === row) break
      this.#kept.delete(oldest)
      this.#bytes -= length
    }
  }
}
