/** Examples that come more than once: bit for bit, or nearly. */
import { hintRules, standsOut } from './hints.js'
import { hammingDistance, thumbnailCorrelation } from './perceptual-hash.js'

export interface DuplicateOptions {
  /** Digest of what the networks see of each example, two numbers of 48 bits, [examples, 2]. */
  readonly digests: Float64Array
  /** Where near duplicates are looked for; absent: exact ones alone. */
  readonly near?: {
    /** Perceptual hashes, [examples, 2]. */
    readonly hashes: Int32Array
    /** Thumbnails, [examples, 16, 16]. */
    readonly thumbnails: Uint8Array
    /** Nearest rows of each example, [examples, count]; −1 for none. */
    readonly neighbors: Int32Array
    readonly count: number
  }
  /** Given labels, [examples]. */
  readonly labels: Int32Array
  /** 0 train, 1 test, [examples]. */
  readonly split: Uint8Array
}

/** Flags of each example, [examples]; 1: there is another example of which it is true. */
export interface Duplicates {
  readonly exact: Uint8Array
  /** As seen, but not bit for bit. */
  readonly near: Uint8Array
  /** A duplicate, exact or near, has another given label. */
  readonly otherLabel: Uint8Array
  /** A duplicate, exact or near, is in the other split. */
  readonly leak: Uint8Array
  /** Number of the group of duplicates, from 0 in the order of their first examples; −1 for none. */
  readonly group: Int32Array
  readonly groups: number
}

/** Correlation beyond which two thumbnails are the same. */
const almostOne = 1 - 1e-7
/** Bits of 64 in which the perceptual hashes of near duplicates differ at most. */
export const nearBits = 4
/**
 * Near duplicates are looked for among the neighbours in feature space, and told by their perceptual hashes and by
 * the correlation of their thumbnails. It must stand out from that of all neighbours: letters of one kind look alike
 * without being the same picture.
 */
export function findDuplicates({ digests, near, labels, split }: DuplicateOptions): Duplicates {
  const examples = labels.length
  const flags = () => new Uint8Array(examples)
  const found = { exact: flags(), near: flags(), otherLabel: flags(), leak: flags() }
  const sets = new DisjointSets(examples)
  const relate = (a: number, b: number, kind: 'exact' | 'near') => {
    sets.join(a, b)
    for (const row of [a, b]) {
      found[kind][row] = 1
      if (labels[a] !== labels[b]) found.otherLabel[row] = 1
      if (split[a] !== split[b]) found.leak[row] = 1
    }
  }
  for (const rows of equalRows(digests)) {
    for (const row of rows) relate(rows[0], row === rows[0] ? rows[1] : row, 'exact')
    // Whoever differs from the first is marked with it; who does not, yet differs from others, is not.
    const labelsDiffer = rows.some(row => found.otherLabel[row] === 1)
    const splitsDiffer = rows.some(row => found.leak[row] === 1)
    for (const row of rows) {
      if (labelsDiffer) found.otherLabel[row] = 1
      if (splitsDiffer) found.leak[row] = 1
    }
  }
  if (near !== undefined) {
    const { hashes, thumbnails, neighbors, count } = near
    // Fisher's transformation of the correlations, which makes their spread the same everywhere.
    const likeness = Float32Array.from(neighbors, (other, i) =>
      other < 0
        ? Number.NaN
        : Math.atanh(Math.min(almostOne, thumbnailCorrelation(thumbnails, Math.floor(i / count), other))),
    )
    for (const [i, alike] of standsOut(likeness, hintRules['near-duplicate']).entries()) {
      if (alike === 0) continue
      const row = Math.floor(i / count)
      const other = neighbors[i]
      if (hammingDistance(hashes, row, other) <= nearBits && !equal(digests, row, other)) {
        relate(row, other, 'near')
      }
    }
  }
  return { ...found, ...sets.numbered() }
}

const equal = (digests: Float64Array, a: number, b: number): boolean =>
  digests[2 * a] === digests[2 * b] && digests[2 * a + 1] === digests[2 * b + 1]

/** Rows of equal digests, where there are several, each in ascending order. */
function* equalRows(digests: Float64Array): Generator<Int32Array> {
  const order = Int32Array.from({ length: digests.length / 2 }, (_, row) => row)
  order.sort((a, b) => digests[2 * a] - digests[2 * b] || digests[2 * a + 1] - digests[2 * b + 1] || a - b)
  for (let start = 0; start < order.length; ) {
    let end = start + 1
    while (end < order.length && equal(digests, order[start], order[end])) end++
    if (end > start + 1) yield order.subarray(start, end)
    start = end
  }
}

/** Union and find, the lowest row of a set standing for it. */
class DisjointSets {
  readonly #parents: Int32Array

  constructor(private readonly size: number) {
    this.#parents = Int32Array.from({ length: size }, (_, row) => row)
  }

  #root(row: number): number {
    let root = row
    while (this.#parents[root] !== root) {
      this.#parents[root] = this.#parents[this.#parents[root]]
      root = this.#parents[root]
    }
    return root
  }

  join(a: number, b: number): void {
    const [first, second] = [this.#root(a), this.#root(b)].sort((x, y) => x - y)
    this.#parents[second] = first
  }

  /** Numbers of the sets of several rows, in the order of their first rows. */
  numbered(): { group: Int32Array; groups: number } {
    const sizes = new Int32Array(this.size)
    for (let row = 0; row < this.size; row++) sizes[this.#root(row)]++
    const group = new Int32Array(this.size).fill(-1)
    let groups = 0
    for (let row = 0; row < this.size; row++) {
      const root = this.#root(row)
      if (sizes[root] > 1) group[row] = root === row ? groups++ : group[root]
    }
    return { group, groups }
  }
}
