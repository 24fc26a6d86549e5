import { DOMParser } from 'linkedom'
import { describe, expect, test } from 'vitest'
import type { Verdict } from '../../src/gates/check.js'
import { junitXml } from '../../src/gates/junit.js'
import { markdownSummary } from '../../src/gates/markdown.js'
import { newsText, outcomeText } from '../../src/gates/words.js'

const verdict: Verdict = {
  pipeline: 'glyphs',
  run: '20260102T030000.000Z',
  against: '20260101T030000.000Z',
  passed: false,
  gates: [
    { gate: 'noiseRate < 0.02', outcome: 'held', value: 0.011, reason: 'noiseRate is 0.011' },
    { gate: 'newIssues <= 50', outcome: 'failed', value: 72, reason: 'newIssues is 72' },
    { gate: 'top1[a|b] > 0.7', outcome: 'failed', value: null, reason: 'the run has no top1[a|b] & "more"' },
    { gate: 'top1Change > -0.01', outcome: 'skipped', value: null, reason: 'there is no earlier good run' },
  ],
  figures: {
    labelIssues: 80,
    noiseRate: 0.011,
    noiseRateLow: 0.008,
    noiseRateHigh: 0.015,
    noiseRateChange: 0.004,
    'top1Change[dense]': -0.0204,
    'top1Change[float16]': -0.03,
    newIssues: 72,
    solvedIssues: 1,
    addedExamples: 0,
    relabeledExamples: 3,
    classDrift: 0.31,
  },
}

describe('JUnit XML', () => {
  const document = new DOMParser().parseFromString(junitXml(verdict), 'text/xml')
  const all = (selector: string) => [...document.querySelectorAll(selector)]

  test('has a case for each gate, and counts them', () => {
    expect(all('testcase').map(node => node.getAttribute('name'))).toEqual(
      verdict.gates.map(({ gate }) => gate.replaceAll('<', '&lt;').replaceAll('>', '&gt;')),
    )
    const suite = all('testsuite')[0]
    const counts = ['tests', 'failures', 'errors', 'skipped'].map(name => suite.getAttribute(name))
    expect(counts).toEqual(['4', '2', '0', '1'])
    expect(all('testcase > failure')).toHaveLength(2)
    expect(all('testcase > skipped')).toHaveLength(1)
  })

  test('holds no character that XML cannot', () => {
    const odd = junitXml({ ...verdict, pipeline: 'a\u0000b\n<"&>', gates: [] })
    expect(odd).toContain('a\ufffdb&#10;&lt;&quot;&amp;&gt;')
  })
})

test('Markdown has a heading, what changed, and a row for each gate', () => {
  expect(markdownSummary(verdict)).toBe(
    [
      '### ❌ glyphs: 2 of 4 gates failed',
      '',
      `Run 20260102T030000.000Z. ${newsText(verdict)}`,
      '',
      '| | gate | |',
      '| --- | --- | --- |',
      '| ✅ | `noiseRate < 0.02` | noiseRate is 0.011 |',
      '| ❌ | `newIssues <= 50` | newIssues is 72 |',
      '| ❌ | `top1[a\\|b] > 0.7` | the run has no top1\\[a\\|b\\] & "more" |',
      '| ➖ | `top1Change > -0.01` | there is no earlier good run |',
      '',
    ].join('\n'),
  )
})

test('the news are what moved, in words', () => {
  expect(newsText(verdict).replaceAll('\u202f', ' ')).toBe(
    '80 label issues, 1.1 % of the labels estimated to be wrong (0.8 % to 1.5 %). Since 20260101T030000.000Z: ' +
      '72 new issues, 1 solved issue, 3 relabeled examples, noise rate +0.4 points, accuracy −2.0 points, class shares moved (stability index 0.31).',
  )
  expect(newsText({ against: null, figures: {} })).toBe('There is no earlier good run to compare with.')
  expect(newsText({ against: 'x', figures: { newIssues: 0 } })).toBe('Since x: nothing changed.')
  expect(outcomeText({ gates: [] })).toBe('no gates')
  expect(outcomeText({ gates: verdict.gates.slice(0, 1) })).toBe('the gate held')
})
