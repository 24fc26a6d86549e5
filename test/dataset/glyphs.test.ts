import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runIngest } from './data.js'

const glyphs = (name: string) => fileURLToPath(new URL(`../../data/glyphs/${name}.parquet`, import.meta.url))

test.runIf(existsSync(glyphs('test')))('the embedded data set', async () => {
  const { info, shape, examples } = await runIngest({
    path: glyphs('test'),
    trueLabel: 'true_label',
    groups: ['letter_case'],
    testShare: 0.25,
  })
  expect(info.classNames).toEqual(['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J'])
  expect(info.input).toEqual({ kind: 'image', height: 28, width: 28, channels: 1 })
  expect(shape).toEqual([2000, 28, 28, 1])
  expect(info.testExamples).toBe(500)
  const folds = [0, 1].map(fold => examples.filter(row => row.fold === fold).length)
  expect(Math.abs(folds[0] - folds[1])).toBeLessThanOrEqual(10)
  for (const { true_label: truth } of examples) expect(Number.isInteger(truth)).toBe(true)
  expect(new Set(examples.map(row => row.group_letter_case)).size).toBe(2)
})
