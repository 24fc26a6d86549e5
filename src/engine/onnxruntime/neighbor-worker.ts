/** Worker thread: the nearest rows of a file to some rows of another, by blocks of matrix products. */
import { Tensor } from 'onnxruntime-node'
import { GraphBuilder } from '../../onnx/graph.js'
import { readNpyShape, streamNpy } from '../../pipeline/files.js'
import { createSession } from './predictor.js'

/** Rows `start` to `end` of a file. */
export interface RowRange {
  readonly start: number
  readonly end: number
}

export interface NeighborTask {
  /** Path of float32 [rows, size], rows of length 1, and which of them to find neighbours for. */
  readonly queries: string
  readonly rows: RowRange
  /** Path of float32 [rows, size], rows of length 1, and which of them to look at. */
  readonly base: string
  readonly candidates: readonly RowRange[]
  /** How many to find. */
  readonly neighbors: number
  /** Whether queries are rows of the base itself, which are not their own neighbours. */
  readonly withoutSelf: boolean
  /** On shared memory; not 0 once the work is to stop. */
  readonly stop: Int32Array
}

/** Nearest first; of equally near ones the lower row. */
export interface FoundNeighbors {
  /** Rows of the base, [queries, neighbors]; −1 where there are too few candidates. */
  readonly indices: Int32Array
  /** Cosines, [queries, neighbors]; −2 where there are too few candidates. */
  readonly similarities: Float32Array
}

/** Rows that are multiplied at a time: their cosines take 32 MB. */
const queryBlock = 2048
const baseBlock = 4096

export default async function findNeighbors(task: NeighborTask): Promise<FoundNeighbors> {
  const { queries, rows, base, candidates, neighbors, withoutSelf, stop } = task
  const [, size] = await readNpyShape(base)
  const session = await createSession(cosineGraph(), { threads: 1 })
  const count = rows.end - rows.start
  const indices = new Int32Array(count * neighbors).fill(-1)
  const similarities = new Float32Array(count * neighbors).fill(-2)
  try {
    let first = 0
    for await (const queryRows of streamNpy(queries, queryBlock, rows)) {
      const queryTensor = new Tensor('float32', queryRows as Float32Array, [queryRows.length / size, size])
      for (const { start, end } of candidates) {
        let begin = start
        for await (const baseRows of streamNpy(base, baseBlock, { start, end })) {
          if (Atomics.load(stop, 0) !== 0) throw new Error('stopped')
          const height = baseRows.length / size
          const k = Math.min(height, neighbors + (withoutSelf ? 1 : 0))
          const found = await session.run({
            queries: queryTensor,
            base: new Tensor('float32', baseRows as Float32Array, [height, size]),
            k: new Tensor('int64', BigInt64Array.of(BigInt(k)), [1]),
          })
          const cosines = found.cosines.data as Float32Array
          const places = found.places.data as BigInt64Array
          for (let q = 0; q < queryRows.length / size; q++) {
            const own = withoutSelf ? rows.start + first + q : -1
            const offset = (first + q) * neighbors
            for (let i = q * k; i < (q + 1) * k; i++) {
              const row = begin + Number(places[i])
              if (row === own) continue
              if (!insert(indices, similarities, offset, neighbors, row, cosines[i])) break
            }
          }
          begin += height
        }
      }
      first += queryRows.length / size
    }
  } finally {
    await session.release()
  }
  return { indices, similarities }
}

/** Puts a candidate in its place among the nearest so far; false where it is none of them. */
function insert(
  indices: Int32Array,
  similarities: Float32Array,
  offset: number,
  neighbors: number,
  row: number,
  similarity: number,
): boolean {
  let place = offset + neighbors
  while (
    place > offset &&
    (similarity > similarities[place - 1] ||
      (similarity === similarities[place - 1] && row < indices[place - 1]))
  ) {
    place--
  }
  const end = offset + neighbors
  if (place === end) return false
  indices.copyWithin(place + 1, place, end - 1)
  similarities.copyWithin(place + 1, place, end - 1)
  indices[place] = row
  similarities[place] = similarity
  return true
}

/** Products of all queries with all rows of the base, and the k largest for each query, lower rows first. */
function cosineGraph(): Uint8Array {
  const graph = new GraphBuilder()
  const queries = graph.input('queries', 'float32', ['Q', 'D'])
  const base = graph.input('base', 'float32', ['B', 'D'])
  const k = graph.input('k', 'int64', [1])
  const products = graph.node('Gemm', [queries, base], { transB: 1 })
  const [cosines, places] = graph.nodes('TopK', [products, k], { axis: 1 }, ['cosines', 'places'])
  graph.output(cosines, 'float32', ['Q', 'K'])
  graph.output(places, 'int64', ['Q', 'K'])
  return graph.encode('neighbors')
}
