import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DataError, RunError } from '../../src/errors.js'
import { openTable, readNpy, streamNpy, writeNpy, writeTable, writeText } from '../../src/pipeline/files.js'
import { skippedSchema } from '../../src/tables/schemas.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-files-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('array files', () => {
  test('are laid out as NumPy’s format 1.0 is', async () => {
    const path = join(folder, 'layout.npy')
    await writeNpy(path, { dtype: 'int32', shape: [] }, [Int32Array.of(1, -2)])
    const bytes = await readFile(path)
    expect(bytes.subarray(0, 10)).toEqual(Buffer.from([0x93, 78, 85, 77, 80, 89, 1, 0, 118, 0]))
    expect(bytes.subarray(10, 128).toString('latin1')).toBe(
      `${"{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }".padEnd(117)}\n`,
    )
    expect(bytes.subarray(128)).toEqual(Buffer.from([1, 0, 0, 0, 254, 255, 255, 255]))
  })

  test.each([
    ['uint8', Uint8Array],
    ['int32', Int32Array],
    ['float32', Float32Array],
  ] as const)('of %s come back, whole and in portions', async (dtype, ArrayType) => {
    const path = join(folder, `${dtype}.npy`)
    const values = new ArrayType(Array.from({ length: 42 }, (_, i) => i * 3))
    const chunks = [values.subarray(0, 6), values.subarray(6, 36), values.subarray(36)]
    expect(await writeNpy(path, { dtype, shape: [3, 2] }, chunks)).toBe(7)
    expect(await readNpy(path)).toMatchObject({ dtype, shape: [7, 3, 2], data: values })
    const portions: number[][] = []
    for await (const portion of streamNpy(path, 2, { start: 1, end: 6 })) portions.push([...portion])
    expect(portions).toEqual([6, 18, 30].map(begin => [...values.subarray(begin, Math.min(begin + 12, 36))]))
  })

  test('that are cut off, or of another kind, are refused', async () => {
    const path = join(folder, 'cut.npy')
    await writeNpy(path, { dtype: 'float32', shape: [4] }, [new Float32Array(8)])
    await writeFile(path, (await readFile(path)).subarray(0, 150))
    await expect(readNpy(path)).rejects.toThrow('the file is 150 bytes long, its header says 160')
    await writeFile(path, 'something else')
    await expect(readNpy(path)).rejects.toThrow(DataError)
    await expect(readNpy(path)).rejects.toMatchObject({ file: path })
  })

  test('take whole rows only', async () => {
    const path = join(folder, 'rows.npy')
    await expect(writeNpy(path, { dtype: 'uint8', shape: [3] }, [new Uint8Array(4)])).rejects.toThrow(
      TypeError,
    )
    expect(await readdir(folder)).not.toContain('rows.npy')
    expect((await readdir(folder)).filter(name => name.endsWith('.partial'))).toEqual([])
  })
})

test('a table that is not there is named', async () => {
  const path = join(folder, 'nowhere.parquet')
  await expect(openTable(path).next()).rejects.toMatchObject({ file: path })
})

test('a table that is damaged is named', async () => {
  const path = join(folder, 'damaged.parquet')
  await writeTable(path, skippedSchema, [])
  await writeFile(path, (await readFile(path)).subarray(10))
  await expect(openTable(path).next()).rejects.toMatchObject({ file: path, exitCode: 3 })
})

test('a place that cannot be written to is named', async () => {
  const path = join(folder, 'no', 'such', 'folder.json')
  await expect(writeText(path, '{}')).rejects.toThrow(RunError)
  await expect(writeText(path, '{}')).rejects.toMatchObject({ file: path })
})
