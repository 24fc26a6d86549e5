import { createHash } from 'node:crypto'
import { parseHTML } from 'linkedom'
import { beforeAll, describe, expect, it } from 'vitest'
import { pageSize } from '../../src/report/client/gallery.js'
import { clientScript } from '../../src/report/client-script.js'
import { type LevelSummary, levelInWords, type ReportData } from '../../src/report/data.js'
import { recommendation } from '../../src/report/recommendation.js'
import { renderReport } from '../../src/report/report.js'
import { cautionSentence, labelsSentence, pieSentence } from '../../src/report/sections/headline.js'
import { styleSheet } from '../../src/report/style-sheet.js'
import { reportFixture } from './fixture.js'

let script: string
let data: ReportData
let page: string
let document: Document
beforeAll(async () => {
  script = await clientScript()
  data = await reportFixture({ suspects: 120, pictures: 60, groups: ['case = upper', 'case = lower'] })
  page = render(data)
  document = parse(data)
})

const render = (of: ReportData) => renderReport(of, { script })
const parse = (of: ReportData) => parseHTML(render(of)).document as unknown as Document

/** The page as somebody sees it who hears it: headings, figures, tables, controls, in order. */
function outline(document: Document): string {
  const lines = [...document.querySelectorAll('nav, h1, h2, h3, figure, caption, summary, form, dialog')].map(
    element => {
      const tag = element.tagName.toLowerCase()
      if (tag === 'figure') return `      figure ${element.getAttribute('data-chart')}`
      if (tag === 'nav' || tag === 'form') return `${tag}: ${element.getAttribute('aria-label')}`
      if (tag === 'dialog') return tag
      const indent = { h1: '', h2: '  ', h3: '    ' }[tag] ?? '      '
      return `${indent}${tag} ${element.textContent!.replace(/\s+/g, ' ').trim()}`
    },
  )
  return lines.join('\n')
}

describe('renderReport', () => {
  it('has this structure', () => {
    expect(outline(document)).toMatchSnapshot()
  })

  it('gives the same bytes for the same data', async () => {
    const again = await reportFixture({
      suspects: 120,
      pictures: 60,
      groups: ['case = upper', 'case = lower'],
    })
    expect(render(again)).toBe(page)
  })

  it('refers to nothing outside itself', () => {
    const references = [...document.querySelectorAll('[src], [href]')].map(
      element => element.getAttribute('src') ?? element.getAttribute('href')!,
    )
    expect(references.length).toBeGreaterThan(30)
    expect(references.filter(reference => !/^(#|data:)/.test(reference))).toEqual([])
    expect(styleSheet).not.toMatch(/url\(|@import/)
  })

  it('admits by its policy its own style and script alone', () => {
    const policy = document.querySelector('meta[http-equiv]')!.getAttribute('content')!
    const digest = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      'img-src data:',
      `style-src ${digest(document.querySelector('style')!.textContent!)}`,
      `script-src ${digest(document.querySelector('script[type=module]')!.textContent!)}`,
      "base-uri 'none'",
      "form-action 'none'",
    ])
    // What the policy would refuse must not be there in the first place.
    expect(document.querySelectorAll('[style], svg style').length).toBe(0)
    expect(
      [...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => /^on/i.test(a.name)),
    ).toEqual([])
  })

  it('tells every chart in words and every table by a caption', () => {
    const charts = [...document.querySelectorAll('svg')]
    expect(charts.length).toBeGreaterThan(10)
    for (const svg of charts) {
      expect(svg.getAttribute('role')).toBe(svg.querySelector('a') ? 'group' : 'img')
      expect(svg.getAttribute('aria-label')!.length).toBeGreaterThan(20)
    }
    for (const table of document.querySelectorAll('table')) {
      expect(table.querySelector('caption')?.textContent).toBeTruthy()
      expect(table.querySelector('thead th[scope=col]')).toBeTruthy()
    }
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const control of document.querySelectorAll('select, input'))
      expect(control.closest('label')).toBeTruthy()
  })

  it('draws no number that is none', () => {
    expect(page.replace(/<script[\s\S]*/, '')).not.toMatch(/NaN|undefined|Infinity|\[object/)
  })

  it('stands without compression, without retraining and without suspects', () => {
    const [train] = data.splits
    const { retrain: _, ...rest } = data
    const bare: ReportData = {
      ...rest,
      splits: [{ ...train!, levels: [{ ...train!.levels[0]!, pies: 0, pieRate: 0, ...noSpread }] }],
      classes: [],
      labels: { ...data.labels, issues: 0, confusion: [] },
      suspects: { total: 0, issues: 0, pies: 0, listed: [], featureNames: [] },
    }
    const document = parse(bare)
    expect(outline(document)).toMatchSnapshot()
    expect(document.querySelector('h1')!.textContent).toBe('None of 12,000 labels looks wrong.')
    expect(document.querySelector('#retraining pre')!.textContent).toContain('retrain:')
    expect(render(bare).replace(/<script[\s\S]*/, '')).not.toMatch(/NaN|undefined|Infinity/)
  })

  it('draws the most frequent pairs where a matrix would be empty', async () => {
    const classNames = Array.from({ length: 300 }, (_, i) => `class ${i}`)
    const many = parse(await reportFixture({ classNames, suspects: 400, pictures: 0 }))
    expect(many.querySelectorAll('[data-chart=confusion] svg a').length).toBe(20)
    expect(document.querySelectorAll('[data-chart=confusion] svg a').length).toBe(
      data.labels.confusion.length,
    )
  })

  it('lists features in a table', async () => {
    const features = await reportFixture({ suspects: 60, features: ['mean <radius>', 'texture'] })
    const document = parse(features)
    expect(document.querySelectorAll('#gallery tbody tr').length).toBe(pageSize)
    expect(document.querySelectorAll('#gallery img, #gallery ol').length).toBe(0)
    const island = JSON.parse(document.getElementById('suspects-data')!.textContent!)
    expect(island.featureNames).toEqual(['mean <radius>', 'texture'])
    expect(island.features[0].length).toBe(2)
  })
})

const noSpread = {
  top1OnPies: { mean: Number.NaN, sd: Number.NaN },
  top1OffPies: { mean: Number.NaN, sd: Number.NaN },
}

describe('the headline', () => {
  const withLabels = (labels: Partial<ReportData['labels']>) =>
    labelsSentence({ ...data, labels: { ...data.labels, ...labels } })

  it('says how many labels are wrong, and which classes are taken for each other', () => {
    const wrong = { count: 1012.4, low: 940, high: 1090 }
    const pair = (given: number, suggested: number, examples: number) => ({ given, suggested, examples })
    const confusion = [pair(0, 1, 30), pair(3, 2, 25), pair(2, 3, 20)]
    expect(withLabels({ wrong, confusion, examples: 10_000 })).toBe(
      'About 1,012 of 10,000 labels are wrong (95 % interval 940 to 1,090); most often C ↔ D.',
    )
    expect(withLabels({ wrong, confusion: [pair(0, 1, 5), pair(2, 3, 5)], examples: 10_000 })).toBe(
      'About 1,012 of 10,000 labels are wrong (95 % interval 940 to 1,090).',
    )
    expect(withLabels({ issues: 0, examples: 50 })).toMatch(
      /^None of 50 labels looks wrong, but \d+ examples are PIEs\.$/,
    )
  })

  it('speaks of the sparsest level', () => {
    const level: Partial<LevelSummary> = {
      pies: 205,
      top1OnPies: { mean: 0.4, sd: 0 },
      top1OffPies: { mean: 0.95, sd: 0 },
    }
    const splits = data.splits.map(split => ({
      ...split,
      levels: split.levels.map(other => (other.name === 'magnitude-0.9' ? { ...other, ...level } : other)),
    }))
    expect(pieSentence({ ...data, splits })).toBe(
      'PIE rate at 90\u202f% sparsity: 3.4\u202f% (410 of 12,000 examples); on the test split, accuracy is 40.0\u202f% on PIEs and 95.0\u202f% on the rest.',
    )
  })

  it('tells levels of the same sparsity apart', () => {
    const level = { method: 'magnitude', sparsity: 0.9 }
    expect(levelInWords({ ...level, name: 'magnitude-0.9' })).toBe('at 90\u202f% sparsity')
    expect(levelInWords({ ...level, name: 'magnitude-after-0.9' })).toBe(
      'at 90\u202f% sparsity, pruned after training',
    )
    expect(levelInWords({ name: 'filter-0.5', method: 'filter', sparsity: 0.5 })).toBe(
      'with 50\u202f% of the filters removed',
    )
    expect(levelInWords({ ...level, name: 'magnitude-0.9+int4', method: 'magnitude+int4' })).toBe(
      'at 90\u202f% sparsity with int4 weights',
    )
    expect(levelInWords({ name: 'pruned-outside', method: 'other', sparsity: 0.5 })).toBe(
      'at level pruned-outside',
    )
  })

  it('doubts the networks where nearly everything looks wrong', () => {
    expect(cautionSentence(data)).toBeUndefined()
    const weak = { ...data, labels: { ...data.labels, issues: 9000 } }
    expect(cautionSentence(weak)).toMatch(
      /^So many label issues may say more about the networks, which are 9\d\.\d/,
    )
    const page = parse(weak)
    expect(page.querySelector('.caution')!.textContent).toBe(cautionSentence(weak))
    expect(page.querySelector('h1')!.textContent).toMatch(/^The networks doubt 9,000 of [\d,]+ labels\.$/)
  })

  it('says where no change of a class could have been found', () => {
    const words = 'networks a level are too few'
    expect(parse(data).body.textContent).not.toContain(words)
    const few = data.splits.map(split => ({
      ...split,
      levels: split.levels.map(level => ({ ...level, detectableChange: level.detectableChange * 100 })),
    }))
    expect(parse({ ...data, splits: few }).body.textContent).toContain(words)
  })

  it('recommends what the retraining shows', () => {
    const advice = recommendation(data.retrain!)!
    expect(document.querySelector('.lead')!.textContent).toContain(advice)
    expect(document.querySelector('#retraining')!.textContent).toContain(advice)
  })
})

describe('the colours', () => {
  const scheme = (block: string) =>
    new Map([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, key, hex]) => [key!, hex!]))
  const light = scheme(styleSheet.slice(0, styleSheet.indexOf('@media')))
  const dark = scheme(styleSheet.slice(styleSheet.indexOf('@media'), styleSheet.indexOf('* {')))

  it.each([
    ['light', light],
    ['dark', dark],
  ] as const)('keep their contrast in the %s scheme (WCAG 2.2)', (_, colours) => {
    for (const ground of ['paper', 'surface']) {
      for (const text of ['ink', 'soft', 'first', 'second', 'third']) {
        expect(contrast(colours.get(text)!, colours.get(ground)!), `${text} on ${ground}`).toBeGreaterThan(
          4.5,
        )
      }
      expect(contrast(colours.get('muted')!, colours.get(ground)!), `muted on ${ground}`).toBeGreaterThan(3)
    }
    expect(contrast(colours.get('on-first')!, colours.get('first')!)).toBeGreaterThan(4.5)
  })
})

/** Contrast ratio of two colours, WCAG 2.2. */
function contrast(a: string, b: string): number {
  const luminance = (hex: string) => {
    const [r, g, b] = [1, 3, 5].map(at => {
      const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
  }
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (high! + 0.05) / (low! + 0.05)
}
