/** A difference between two runs, with something of everything. */
import { classBalance } from '../../src/difference/class-balance.js'
import type { ChangedExample, ChangedExamples, Difference } from '../../src/difference/difference.js'
import { levelChange } from '../../src/difference/difference.js'
import { noiseChange } from '../../src/difference/noise-change.js'

/** A picture of one pixel. */
export const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB5Ykm0wAAAABJRU5ErkJggg=='

function examples(count: number, labels: ChangedExample['labels']): ChangedExamples {
  const listed = Array.from({ length: Math.min(count, 30) }, (_, i) => ({
    id: `<b>${labels.join('-')}</b>-${i}`,
    split: 'train',
    labels,
    quality: i / 100,
    suggested: 'dog & co',
  }))
  return { count, listed }
}

export function differenceFixture(classes = 3): Difference {
  const counts = Array.from({ length: classes }, (_, c) => ({
    name: c === 0 ? '<script>alert(1)</script>' : `class ${c}`,
    a: 100 + c,
    b: 120 + ((c * 7) % 30),
    fresh: (c * 5) % 11,
  }))
  const mark = {
    a: 40,
    b: 35,
    new: { ...examples(12, [null, 'cat']), added: 5, relabeled: 3 },
    gone: { ...examples(17, ['cat', 'dog & co']), removed: 2, relabeled: 9 },
    still: examples(23, ['cat', 'cat']),
  }
  return {
    a: { name: 'glyphs/20260101T000000.000Z', folder: '/runs/a', examples: 3000 },
    b: { name: 'glyphs/20260102T000000.000Z', folder: '/runs/b', examples: 3133 },
    examples: {
      added: examples(153, [null, 'cat']),
      removed: examples(20, ['cat', null]),
      relabeled: examples(39, ['cat', 'dog & co']),
      edited: examples(1, ['cat', 'cat']),
      moved: examples(0, ['cat', 'cat']),
      relabelings: [{ from: 'cat', to: 'dog & co', count: 39 }],
      sameTest: false,
    },
    classes: classBalance(counts),
    issues: mark,
    pies: mark,
    noise: noiseChange({ share: 0.097, low: 0.08, high: 0.11 }, { share: 0.065, low: 0.05, high: 0.08 }),
    levels: [
      levelChange('dense', Float64Array.of(0.7, 0.71, 0.69), Float64Array.of(0.78, 0.77, 0.79)),
      levelChange('int8-static', Float64Array.of(0.7, 0.71), new Float64Array(0)),
    ],
    audited: 'test',
    images: [
      { statisticName: 'brightness', a: 0.13, b: 0.12, fresh: 0.09, statistic: 0.285, p: 1e-9, q: 1e-9 },
    ],
    settings: [
      { key: 'model.epochs', a: 6, b: 7 },
      { key: 'compress[0].sparsity', a: [0.5] },
    ],
    versions: [],
  }
}
