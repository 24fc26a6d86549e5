import { parseHTML } from 'linkedom'
import { expect, it } from 'vitest'
import type { ReportData, RobustnessSummary } from '../../src/report/data.js'
import { robustness } from '../../src/report/sections/robustness.js'

const row = (level: string, category: string, relative: number, relativeToDense: number, p: number) => ({
  level,
  category,
  top1: { mean: 0.5, sd: 0.01 },
  clean: relative > 0 ? 0.5 / relative : Number.NaN,
  relative,
  relativeToDense,
  p,
})

const rows: RobustnessSummary[] = [
  row('dense', 'noise', 0.8, 1, Number.NaN),
  row('dense', 'other set', Number.NaN, Number.NaN, Number.NaN),
  row('magnitude-0.9', 'noise', 0.7, 0.875, 0.0004),
  row('magnitude-0.9', 'other set', Number.NaN, Number.NaN, Number.NaN),
]

const shown = (data: Pick<ReportData, 'robustness'>) => {
  const section = robustness({ alpha: 0.05, ...data } as ReportData)
  return section && parseHTML(`<main>${section.body}</main>`).document
}

it('shows each category against dense, and none that is measured by nothing', () => {
  const document = shown({ robustness: rows })!
  const charts = [...document.querySelectorAll('figure')]
  expect(charts.length).toBe(1)
  expect(charts[0]!.textContent).toContain('noise')
  const cells = [...document.querySelectorAll('tbody tr')].map(line =>
    [...line.children].map(cell => cell.textContent!.replaceAll('\u202f', ' ')),
  )
  expect(cells).toEqual([
    ['dense', 'noise', '50.0 ± 1.0 %', '62.5 %', '80.0 %', '100.0 %', '–'],
    ['dense', 'other set', '50.0 ± 1.0 %', '–', '–', '–', '–'],
    ['magnitude-0.9', 'noise', '50.0 ± 1.0 %', '71.4 %', '70.0 %', '87.5 %', '< 0.001'],
    ['magnitude-0.9', 'other set', '50.0 ± 1.0 %', '–', '–', '–', '–'],
  ])
  expect(document.toString()).not.toMatch(/NaN|undefined/)
})

it('is not there where nothing was measured', () => {
  expect(shown({})).toBeUndefined()
})
