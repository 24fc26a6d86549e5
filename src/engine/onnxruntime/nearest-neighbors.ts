/**
 * Nearest neighbours by cosine among rows on disk. Up to {@link exactRows} rows the search is exact. Beyond, rows
 * are put into lists by spherical k-means (the inverted file of Jégou et al. 2011, section IV), and a row's
 * neighbours are looked for in the lists whose centroids are nearest to that of its own; how many of the true
 * neighbours that finds is measured on a sample and told as recall. No byte depends on the number of workers.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Tinypool } from 'tinypool'
import { readNpyRows, readNpyShape, streamNpy, writeNpy } from '../../pipeline/files.js'
import { permutation, randomStream, type Seed } from '../../random.js'
import { workerFile } from '../../threads/worker-file.js'
import type { FoundNeighbors, NeighborTask, RowRange } from './neighbor-worker.js'

export interface NeighborOptions {
  /** Neighbours of each row; fewer where there are fewer other rows. */
  readonly neighbors: number
  readonly workers: number
  /** Of the random choices of a partitioned search. */
  readonly seed: Seed
  /** Folder for the files of a partitioned search, which is removed afterwards. */
  readonly scratch: string
  readonly signal: AbortSignal
  /** Told how many rows more have their neighbours. */
  advance?(rows: number): void
  /** Rows up to which the search is exact; default {@link exactRows}. */
  readonly exactUpTo?: number
}

export interface Neighbors extends FoundNeighbors {
  /** Neighbours of each row: the width of `indices` and `similarities`. */
  readonly count: number
  /** Share of the true neighbours that were found: 1 for an exact search, else measured on a sample. */
  readonly recall: number
}

/** Rows up to which all pairs are compared: 5 TFLOP at 256 features. */
export const exactRows = 100_000
/** Queries of a task. */
const taskRows = 4096
/** Lists in which the neighbours of a list's rows are looked for, of a partitioned search. */
const probedLists = 24
const kMeansRounds = 6
/** Sampled rows a list from which centroids are learnt. */
const rowsPerList = 32
/** Rows on which recall is measured. */
const recallRows = 500

/** @param path float32 [rows, size], rows of length 1 (or 0) */
export async function nearestNeighbors(path: string, options: NeighborOptions): Promise<Neighbors> {
  const [rows] = await readNpyShape(path)
  const count = Math.min(options.neighbors, rows - 1)
  const search = new Search(options)
  try {
    if (rows <= (options.exactUpTo ?? exactRows)) {
      const all = [{ start: 0, end: rows }]
      const tasks = pieces(0, rows).map(piece => ({ rows: piece, candidates: all }))
      const found = await search.run(tasks, {
        queries: path,
        base: path,
        neighbors: count,
        withoutSelf: true,
        counts: true,
      })
      return { ...found, count, recall: 1 }
    }
    return { ...(await partitionedSearch(path, rows, count, search, options)), count }
  } finally {
    await search.close()
  }
}

type Lookup = Omit<NeighborTask, 'rows' | 'candidates' | 'stop'> & { readonly counts?: boolean }
type Queries = Pick<NeighborTask, 'rows' | 'candidates'>

/** Tasks side by side, their answers in the order of the queries. */
class Search {
  readonly #pool: Tinypool
  readonly #stop = new Int32Array(new SharedArrayBuffer(4))
  readonly #halt = () => void Atomics.store(this.#stop, 0, 1)

  constructor(private readonly options: NeighborOptions) {
    this.#pool = new Tinypool({
      ...workerFile('neighbor-worker', import.meta.url),
      minThreads: 0,
      maxThreads: options.workers,
      idleTimeout: 60_000,
    })
    options.signal.addEventListener('abort', this.#halt)
  }

  /** @param tasks of consecutive queries, in their order */
  async run(tasks: readonly Queries[], { counts, ...lookup }: Lookup): Promise<FoundNeighbors> {
    const queries = tasks.reduce((sum, { rows }) => sum + rows.end - rows.start, 0)
    const indices = new Int32Array(queries * lookup.neighbors)
    const similarities = new Float32Array(queries * lookup.neighbors)
    const first = tasks[0].rows.start
    const { signal } = this.options
    try {
      await Promise.all(
        tasks.map(async task => {
          const request: NeighborTask = { ...lookup, ...task, stop: this.#stop }
          const found: FoundNeighbors = await this.#pool.run(request)
          indices.set(found.indices, (task.rows.start - first) * lookup.neighbors)
          similarities.set(found.similarities, (task.rows.start - first) * lookup.neighbors)
          if (counts) this.options.advance?.(task.rows.end - task.rows.start)
        }),
      )
    } catch (error) {
      this.#halt()
      signal.throwIfAborted()
      throw error
    }
    signal.throwIfAborted()
    return { indices, similarities }
  }

  async close(): Promise<void> {
    this.options.signal.removeEventListener('abort', this.#halt)
    await this.#pool.destroy()
  }
}

function pieces(start: number, end: number): RowRange[] {
  return Array.from({ length: Math.ceil((end - start) / taskRows) }, (_, i) => ({
    start: start + i * taskRows,
    end: Math.min(end, start + (i + 1) * taskRows),
  }))
}

async function partitionedSearch(
  path: string,
  rows: number,
  count: number,
  search: Search,
  { seed, scratch }: NeighborOptions,
): Promise<Omit<Neighbors, 'count'>> {
  await mkdir(scratch, { recursive: true })
  try {
    const lists = Math.round(Math.sqrt(rows))
    const centroids = await learnCentroids(path, rows, lists, search, { seed, scratch })
    const { indices: listOf } = await search.run(
      pieces(0, rows).map(piece => ({ rows: piece, candidates: [{ start: 0, end: lists }] })),
      { queries: path, base: centroids, neighbors: 1, withoutSelf: false },
    )
    const { order, ranges } = byList(listOf, lists)
    const ordered = join(scratch, 'ordered.npy')
    await copyRows(path, order, ordered)

    const probes = Math.min(probedLists, lists)
    const { indices: nearLists } = await search.run(
      [{ rows: { start: 0, end: lists }, candidates: [{ start: 0, end: lists }] }],
      { queries: centroids, base: centroids, neighbors: probes, withoutSelf: false },
    )
    const tasks = ranges.flatMap((range, list) => {
      const near = Array.from(nearLists.subarray(list * probes, (list + 1) * probes), near => ranges[near])
      const candidates = near.filter(({ start, end }) => end > start)
      return pieces(range.start, range.end).map(rows => ({ rows, candidates }))
    })
    const found = await search.run(tasks, {
      queries: ordered,
      base: ordered,
      neighbors: count,
      withoutSelf: true,
      counts: true,
    })

    const indices = new Int32Array(found.indices.length)
    const similarities = new Float32Array(found.similarities.length)
    for (const [position, row] of order.entries()) {
      for (let i = 0; i < count; i++) {
        const other = found.indices[position * count + i]
        indices[row * count + i] = other < 0 ? -1 : order[other]
        similarities[row * count + i] = found.similarities[position * count + i]
      }
    }
    const recall = await measureRecall(path, rows, { indices, similarities }, count, search, {
      seed,
      scratch,
    })
    return { indices, similarities, recall }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

type Scratch = Pick<NeighborOptions, 'seed' | 'scratch'>

/** Path of the centroids, float32 [lists, size], of length 1: spherical k-means on a sample. */
async function learnCentroids(
  path: string,
  rows: number,
  lists: number,
  search: Search,
  { seed, scratch }: Scratch,
): Promise<string> {
  const sample = permutation(rows, randomStream(...seed, 'centroids')).slice(0, lists * rowsPerList)
  const sampled = join(scratch, 'sample.npy')
  const centroids = join(scratch, 'centroids.npy')
  await copyRows(path, sample, sampled)
  await copyRows(path, sample.subarray(0, lists), centroids)
  const [, size] = await readNpyShape(path)
  const means = (await readNpyRows(
    centroids,
    Int32Array.from({ length: lists }, (_, i) => i),
  )) as Float32Array
  for (let round = 0; round < kMeansRounds; round++) {
    const { indices } = await search.run(
      pieces(0, sample.length).map(piece => ({ rows: piece, candidates: [{ start: 0, end: lists }] })),
      { queries: sampled, base: centroids, neighbors: 1, withoutSelf: false },
    )
    const sums = new Float64Array(lists * size)
    let row = 0
    for await (const block of streamNpy(sampled, taskRows)) {
      for (let offset = 0; offset < block.length; offset += size, row++) {
        const list = indices[row]
        for (let i = 0; i < size; i++) sums[list * size + i] += block[offset + i] as number
      }
    }
    for (let list = 0; list < lists; list++) {
      const sum = sums.subarray(list * size, (list + 1) * size)
      const length = Math.hypot(...sum)
      // A list without rows keeps its centroid.
      if (length > 0) for (let i = 0; i < size; i++) means[list * size + i] = sum[i] / length
    }
    await writeNpy(centroids, { dtype: 'float32', shape: [size] }, [means])
  }
  return centroids
}

/** The rows list by list, each list in the order of the rows, and where each list lies in that order. */
function byList(listOf: Int32Array, lists: number): { order: Int32Array; ranges: RowRange[] } {
  const sizes = new Int32Array(lists)
  for (const list of listOf) sizes[list]++
  const ranges: RowRange[] = []
  for (let list = 0, start = 0; list < lists; list++) {
    ranges.push({ start, end: start + sizes[list] })
    start += sizes[list]
  }
  const next = Int32Array.from(ranges, ({ start }) => start)
  const order = new Int32Array(listOf.length)
  for (const [row, list] of listOf.entries()) order[next[list]++] = row
  return { order, ranges }
}

async function copyRows(from: string, rows: Int32Array, to: string): Promise<void> {
  const [, size] = await readNpyShape(from)
  async function* blocks() {
    for (let start = 0; start < rows.length; start += taskRows) {
      yield readNpyRows(from, rows.subarray(start, start + taskRows))
    }
  }
  await writeNpy(to, { dtype: 'float32', shape: [size] }, blocks())
}

/** Share of the true neighbours of some rows that are among those found. */
async function measureRecall(
  path: string,
  rows: number,
  { indices }: FoundNeighbors,
  count: number,
  search: Search,
  { seed, scratch }: Scratch,
): Promise<number> {
  const sample = permutation(rows, randomStream(...seed, 'recall')).slice(0, recallRows)
  const queries = join(scratch, 'recall.npy')
  await copyRows(path, sample, queries)
  // One more than is asked for, since the sampled rows find themselves.
  const exact = await search.run(
    [{ rows: { start: 0, end: sample.length }, candidates: [{ start: 0, end: rows }] }],
    { queries, base: path, neighbors: count + 1, withoutSelf: false },
  )
  let hits = 0
  for (const [q, row] of sample.entries()) {
    const truth = exact.indices
      .subarray(q * (count + 1), (q + 1) * (count + 1))
      .filter(other => other !== row)
    const found = new Set(indices.subarray(row * count, (row + 1) * count))
    for (const other of truth.subarray(0, count)) if (found.has(other)) hits++
  }
  return hits / (sample.length * count)
}
