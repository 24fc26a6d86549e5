import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  describe as describeSuspect,
  type Filter,
  type GalleryData,
  kinds,
  noFilter,
  orders,
  pieLevels,
  select,
} from '../../src/report/client/gallery.js'

const classNames = ['cat', 'dog', 'fox10', 'fox9']

const row = fc.record({
  given: fc.nat(3),
  suggested: fc.integer({ min: -1, max: 3 }),
  probability: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  quality: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  issue: fc.constantFrom<0 | 1>(0, 1),
  hints: fc.subarray(['blurry', 'leak']),
  pie: fc.tuple(fc.constant<0>(0), fc.constantFrom<0 | 1>(0, 1), fc.constantFrom<0 | 1>(0, 1)),
  name: fc.constantFrom('a', 'B', 'ab'),
})

const gallery = fc.array(row, { maxLength: 30 }).map(
  (rows): GalleryData => ({
    classNames,
    levels: ['dense', 'magnitude-0.9', 'float16'],
    form: 'pictures',
    pixelated: true,
    featureNames: [],
    id: rows.map(({ name }, i) => `${name}-${i}`),
    split: rows.map(() => 'train'),
    given: rows.map(({ given }) => given),
    suggested: rows.map(({ suggested }) => suggested),
    suggestedProbability: rows.map(({ probability }) => probability),
    labelQuality: rows.map(({ quality }) => quality),
    disagreement: rows.map(({ quality }) => quality),
    issue: rows.map(({ issue }) => issue),
    hints: rows.map(({ hints }) => hints),
    modal: rows.map(({ given }) => [given, given, given]),
    agreement: rows.map(() => [1, 1, 1]),
    pie: rows.map(({ pie }) => pie),
    pictures: {},
    features: {},
  }),
)

const filter: fc.Arbitrary<Filter> = fc.record({
  given: fc.option(fc.nat(3), { nil: undefined }),
  suggested: fc.option(fc.nat(3), { nil: undefined }),
  kind: fc.constantFrom(...kinds),
  hint: fc.constantFrom('blurry', 'leak', undefined),
  level: fc.constantFrom(undefined, 1, 2),
  text: fc.constantFrom('', 'b', ' A '),
  order: fc.constantFrom(...orders),
})

describe('select', () => {
  it('lets exactly those through that every filter lets through', () => {
    fc.assert(
      fc.property(gallery, filter, (data, wanted) => {
        const alone = (part: Partial<Filter>) => new Set(select(data, { ...noFilter, ...part }))
        const { given, suggested, kind, hint, level, text } = wanted
        const sets = [
          alone({ given }),
          alone({ suggested }),
          alone({ kind }),
          alone({ hint }),
          alone({ level }),
          alone({ text }),
        ]
        const expected = data.id.map((_, i) => i).filter(i => sets.every(set => set.has(i)))
        expect(select(data, wanted).sort((a, b) => a - b)).toEqual(expected)
      }),
    )
  })

  it('means by each kind what its name says', () => {
    fc.assert(
      fc.property(gallery, data => {
        const of = (kind: Filter['kind']) => select(data, { ...noFilter, kind })
        const pies = of('pie')
        const issues = of('issue')
        expect(of('any')).toEqual(data.id.map((_, i) => i))
        expect(issues).toEqual(of('any').filter(i => data.issue[i] === 1))
        expect(pies).toEqual(of('any').filter(i => pieLevels(data, i) > 0))
        const blurry = select(data, { ...noFilter, hint: 'blurry' })
        expect(blurry).toEqual(of('any').filter(i => data.hints[i]!.includes('blurry')))
        expect(of('both')).toEqual(issues.filter(i => pies.includes(i)))
        expect(of('issue-only')).toEqual(issues.filter(i => !pies.includes(i)))
        expect(of('pie-only')).toEqual(pies.filter(i => !issues.includes(i)))
      }),
    )
  })

  it('sorts, equal ones by suspicion, unknown ones last', () => {
    fc.assert(
      fc.property(gallery, data => {
        const quality = select(data, { ...noFilter, order: 'quality' })
        const values = quality.map(i => data.labelQuality[i] ?? Number.POSITIVE_INFINITY)
        expect(values).toEqual([...values].sort((a, b) => a - b))
        const levels = select(data, { ...noFilter, order: 'levels' })
        for (const [i, current] of levels.slice(1).entries()) {
          const previous = levels[i]!
          const difference = pieLevels(data, previous) - pieLevels(data, current)
          expect(difference > 0 || (difference === 0 && previous < current)).toBe(true)
        }
      }),
    )
  })

  it('sorts class names as people count', () => {
    const [data] = fc.sample(gallery, { numRuns: 1, seed: 1 }) as [GalleryData]
    const four = {
      ...data,
      id: ['0', '1', '2', '3'],
      given: [2, 3, 1, 0],
      issue: [1, 1, 1, 1] as const,
      hints: [[], [], [], []],
      pie: [[0], [0], [0], [0]] as const,
    }
    expect(select(four, { ...noFilter, order: 'given' })).toEqual([3, 2, 1, 0])
  })
})

describe('describe', () => {
  it('says all that a card shows', () => {
    const data: GalleryData = {
      classNames,
      levels: ['dense', 'magnitude-0.9', 'float16'],
      form: 'pictures',
      pixelated: false,
      featureNames: [],
      id: ['x'],
      split: ['train'],
      given: [0],
      suggested: [1],
      suggestedProbability: [0.874],
      labelQuality: [0.02],
      disagreement: [null],
      issue: [1],
      hints: [['blurry']],
      modal: [[1, 0, 1]],
      agreement: [[1, 1, 1]],
      pie: [[0, 1, 0]],
      pictures: {},
      features: {},
    }
    expect(describeSuspect(data, 0)).toBe(
      'x: given cat, suggested dog at 87\u202f%, label quality 0.020; label issue, PIE at 1 of 2 levels, blurry',
    )
  })
})
