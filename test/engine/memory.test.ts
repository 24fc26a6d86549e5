import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPredictionPool } from '../../src/engine/onnxruntime/prediction-pool.js'
import { GraphBuilder } from '../../src/onnx/graph.js'
import { writeNpy } from '../../src/pipeline/files.js'

const MiB = 2 ** 20
const features = 4

/** Predicts the mean of copies of each feature, so many that an example takes so many bytes. */
function copies(bytesAnExample: number, batch: number | 'N' = 'N'): Uint8Array {
  const graph = new GraphBuilder()
  const times = bytesAnExample / (features * Float32Array.BYTES_PER_ELEMENT)
  graph.input('input', 'float32', [batch, features])
  const columns = graph.node('Unsqueeze', [
    'input',
    graph.initializer('axes', 'int64', [1], BigInt64Array.of(2n)),
  ])
  const repeats = graph.initializer('repeats', 'int64', [3], BigInt64Array.of(1n, 1n, BigInt(times)))
  const many = graph.node('Tile', [columns, repeats])
  graph.output(
    'logits',
    'float32',
    ['N', features],
    graph.node('ReduceMean', [many], { axes: [2], keepdims: 0 }),
  )
  return graph.encode('copies')
}

describe.skipIf(process.platform !== 'linux')('a member for whose batches memory is short', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pieline-memory-'))
    const values = Float32Array.from({ length: 40 * features }, (_, i) => i / 7)
    await writeNpy(join(folder, 'inputs.npy'), { dtype: 'float32', shape: [features] }, [values])
    await writeFile(join(folder, 'small.onnx'), copies(MiB / 64))
    await writeFile(join(folder, 'large.onnx'), copies(40 * MiB))
    await writeFile(join(folder, 'huge.onnx'), copies(120 * MiB, 32))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const at = (name: string) => join(folder, name)

  test('is asked in smaller ones, said so, and gives the same bytes; or fails with what helps', async () => {
    const script = fileURLToPath(new URL('short-of-memory.ts', import.meta.url))
    const models = ['small.onnx', 'large.onnx', 'huge.onnx'].map(at)
    const args = ['--import', 'tsx', script, at('inputs.npy'), at('logits.npy'), String(900 * MiB), ...models]
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(status, stderr).toBe(0)
    expect(stdout.split('\n')).toEqual([
      'a worker ran out of memory; its work is done again with nothing beside it',
      expect.stringMatching(
        /^batches of 32 examples ran out of memory alone too; with batches of (16|8) it went on$/,
      ),
      'a worker ran out of memory; its work is done again with nothing beside it',
      expect.stringMatching(/^RunError: it ran out of memory, alone too: .* memory/),
      'Run on more memory, or with a smaller dataset.size or model.width.',
      '',
    ])
    const pool = createPredictionPool(1)
    await pool.predict({ model: at('large.onnx'), inputs: at('inputs.npy'), logits: at('usual.npy') })
    await pool.close()
    expect(await readFile(at('logits.npy'))).toEqual(await readFile(at('usual.npy')))
  }, 600_000)
})
