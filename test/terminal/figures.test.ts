import { expect, test } from 'vitest'
import type { Manifest } from '../../src/pipeline/manifest.js'
import type { Headlines } from '../../src/stages/headlines.js'
import { closingTables, headlineText } from '../../src/terminal/figures.js'

const plain = (_: unknown, text: string) => text

/** With the narrow spaces before units as plain ones, so that a reader sees what is compared. */
const readable = (text: string) => `\n${text.replaceAll('\u202f', ' ')}\n`

const headlines: Required<Headlines> = {
  ingest: { trainExamples: 10_000, testExamples: 2000, classes: 10, skipped: 3 },
  preview: { labelIssues: 88, page: 'preview.html' },
  inspect: {
    hints: { blurry: 12, leak: 4 },
    duplicateGroups: 2,
    duplicatesAcrossSplits: 4,
    duplicatesOtherLabel: 1,
    neighborAgreement: 0.8,
    neighborRecall: 1,
  },
  score: {
    levels: [
      { level: 'dense', top1Mean: 0.912, top1Sd: 0.004, bytes: 133_000 },
      {
        level: 'magnitude-0.9',
        top1Mean: 0.883,
        top1Sd: 0.011,
        pies: 812,
        pieRate: 0.0677,
        bytes: 133_000,
        significantClasses: 3,
        test: 'welch',
        members: 5,
        detectableChange: 0.047,
        noiseInPies: 0.36,
        noiseOutside: 0.05,
      },
      {
        level: 'int8-dynamic',
        top1Mean: 0.91,
        pies: 0,
        pieRate: 0,
        bytes: 43_400,
        significantClasses: 0,
        test: 'paired',
      },
    ],
    labelIssues: 1042,
    truth: {
      issues: 1360,
      auroc: 0.971,
      averagePrecision: 0.874,
      recall: 0.71,
      precision: 0.93,
      calibrationError: 0.04,
      precisionAt1: 1,
      precisionAt5: 0.98,
      byKind: {
        'other class': { issues: 800, auroc: 0.98, averagePrecision: 0.9, recall: 0.85 },
        'no class': { issues: 560, auroc: 0.95, averagePrecision: 0.7, recall: 0.51 },
      },
    },
  },
  robustness: {
    levels: [
      {
        level: 'dense',
        cleanTop1Mean: 0.91,
        corruptedTop1Mean: 0.7,
        relativeTop1: 0.769,
        natural: { hard: 0.12 },
      },
    ],
  },
  retrain: {
    arms: [
      { arm: 'all', examples: 10_000, relabeled: 0, top1Mean: 0.915, top1Sd: 0.003 },
      {
        arm: 'cleaned',
        examples: 8958,
        relabeled: 0,
        top1Mean: 0.931,
        top1Sd: 0.002,
        difference: 0.016,
        low: 0.011,
        high: 0.021,
      },
    ],
    recommendation: 'Drop 1,042: test accuracy +1.6 points [1.1, 2.1].',
  },
}

function manifest(stages: Partial<Headlines>): Manifest {
  const records = Object.entries(stages).map(([name, headline], at) => ({
    name,
    state: 'done',
    reused: at === 0,
    seconds: 10 * (at + 1),
    headline,
  }))
  return {
    stages: records,
    started: '2026-01-31T00:00:00.000Z',
    finished: '2026-01-31T00:01:20.000Z',
  } as unknown as Manifest
}

test('the closing tables show levels, label issues, arms and times', () => {
  expect(readable(closingTables(manifest(headlines), plain))).toMatchInlineSnapshot(`
    "
      4 examples have a duplicate in the other split: test accuracy is flattered
      1 example has a duplicate with another label

      level              accuracy  PIEs   rate     size  significant classes  wrong labels in PIEs / outside
      dense          91.2 ± 0.4 %     –      –   133 kB                    –                               –
      magnitude-0.9  88.3 ± 1.1 %   812  6.8 %   133 kB            3 (Welch)                  36.0 % / 5.0 %
      int8-dynamic         91.0 %     0  0.0 %  43.4 kB           0 (paired)                               –

      With 5 seeds a class must change by 4.7 points to be found at magnitude-0.9; for 2 points it takes about 28.

      1,042 label issues found; against the known truth:
      wrong labels  there are  precision  recall  average precision  AUROC  precision at 1 % / 5 %
      all               1,360     93.0 %  71.0 %              0.874  0.971        100.0 % / 98.0 %
      other class         800             85.0 %              0.900  0.980
      no class            560             51.0 %              0.700  0.950

      corrupted pictures  accuracy   clean  corrupted ÷ clean    hard
      dense                 70.0 %  91.0 %             76.9 %  12.0 %

      retrained on  examples  test accuracy  difference in points  95 % interval
      all             10,000   91.5 ± 0.3 %                     –
      cleaned          8,958   93.1 ± 0.2 %                  +1.6   +1.1 to +2.1

      Drop 1,042: test accuracy +1.6 points [1.1, 2.1].

      1 min 20 s in all: ingest reused · preview 20 s · inspect 30 s · score 40 s · robustness 50 s · retrain 1 min
    "
  `)
})

test('without a known truth and without retraining they show what there is', () => {
  const { truth, ...score } = headlines.score
  const levels = score.levels.map(({ noiseInPies, noiseOutside, ...level }) => level)
  expect(readable(closingTables(manifest({ score: { ...score, levels } }), plain))).toMatchInlineSnapshot(`
    "
      level              accuracy  PIEs   rate     size  significant classes
      dense          91.2 ± 0.4 %     –      –   133 kB                    –
      magnitude-0.9  88.3 ± 1.1 %   812  6.8 %   133 kB            3 (Welch)
      int8-dynamic         91.0 %     0  0.0 %  43.4 kB           0 (paired)

      With 5 seeds a class must change by 4.7 points to be found at magnitude-0.9; for 2 points it takes about 28.

      1,042 label issues found

      1 min 20 s in all: score reused
    "
  `)
})

test('they caution against networks that know too little, and against too few of them', () => {
  const levels = headlines.score.levels.map(level => ({ ...level, members: 2, detectableChange: 2.6 }))
  const score = { ...headlines.score, levels, labelIssues: 4000 }
  const text = readable(closingTables(manifest({ ingest: headlines.ingest, score }), plain))
  expect(text).toContain(
    'So many label issues may say more about the networks, which are 91.2 % accurate, than about',
  )
  expect(text).toMatch(/2 seeds are too few: at \S+ no change of a class could be told from chance\./)
  expect(text).not.toContain('points to be found')
  const fewer = { ingest: headlines.ingest, score: { ...score, labelIssues: 3999 } }
  expect(closingTables(manifest(fewer), plain)).not.toContain('So many label issues')
})

test('a stage is told in a few words', () => {
  const text = (name: string, headline: object) => headlineText({ name, headline: { ...headline } })
  expect(text('ingest', headlines.ingest)).toBe(
    '10,000 training examples, 2,000 for testing, 10 classes, 3 skipped',
  )
  expect(text('score', headlines.score)).toBe('1,042 label issues')
  expect(text('train', { members: 5, reusedMembers: 2, meanLoss: 0.25, note: 'x' })).toBe(
    '5 members, 2 reused members, 0.250 mean loss',
  )
  expect(text('retrain', {})).toBe('')
})
