import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/errors.js'
import { type FigureName, figureKinds, type Gate, meets, parseGate } from '../../src/pipeline/gates.js'
import { resolvePipeline } from '../../src/pipeline/load.js'

/** The error of a call that must throw one. */
function refusal(act: () => unknown): ConfigError {
  try {
    act()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('was not refused')
}

describe('a gate', () => {
  test.each<[string, Omit<Gate, 'text'>]>([
    ['noiseRate < 0.02', { figure: 'noiseRate', operator: '<', bound: 0.02 }],
    ['noiseRate<2%', { figure: 'noiseRate', operator: '<', bound: 0.02 }],
    ['  newIssues   <=   50 ', { figure: 'newIssues', operator: '<=', bound: 50 }],
    ['duplicatesAcrossSplits == 0', { figure: 'duplicatesAcrossSplits', operator: '==', bound: 0 }],
    ['worstClassRecall > .8', { figure: 'worstClassRecall', key: 'dense', operator: '>', bound: 0.8 }],
    ['top1[magnitude-0.9] >= 70 %', { figure: 'top1', key: 'magnitude-0.9', operator: '>=', bound: 0.7 }],
    ['top1Change[ dense ] > -1e-2', { figure: 'top1Change', key: 'dense', operator: '>', bound: -0.01 }],
    ['hints[leak] != 1', { figure: 'hints', key: 'leak', operator: '!=', bound: 1 }],
  ])('%s', (text, gate) => {
    expect(parseGate(text)).toEqual({ text: text.trim(), ...gate })
  })

  test.each([
    ['', 'the name of a figure is expected at character 1, where it ends'],
    ['< 3', 'the name of a figure is expected at character 1, where there is "< 3"'],
    ['noiseRate', 'one of <= >= == != < > is expected at character 10, where it ends'],
    ['noiseRate = 0', 'one of <= >= == != < > is expected at character 11, where there is "= 0"'],
    ['noiseRate < much', 'a number is expected at character 13, where there is "much"'],
    ['noiseRate < 0.02 or so', 'the end is expected at character 18, where there is "or so"'],
    ['top1[dense > 0.9', '"]" is expected at character 17, where it ends'],
    ['top1[] > 0.9', 'a name is expected at character 6, where there is "] > 0.9"'],
    ['noiseRate[dense] < 1', 'noiseRate is one figure of the whole run'],
    ['pies < 10', 'pies is a figure of each compressed level'],
  ])('%j is refused: %s', (text, words) => {
    expect(refusal(() => parseGate(text)).message).toContain(words)
  })

  test('of an unknown figure is refused with the nearest', () => {
    const { message, mend } = refusal(() => parseGate('noisRate < 0.02'))
    expect(message).toBe('"noisRate < 0.02": there is no figure "noisRate"')
    expect(mend).toContain('Did you mean "noiseRate"?')
    expect(() => parseGate('constructor < 1')).toThrow('there is no figure')
  })

  test('is read as it was written, whatever the white space', () => {
    const figures = Object.keys(figureKinds) as FigureName[]
    const space = fc.constantFrom('', ' ', '  ', '\t')
    fc.assert(
      fc.property(
        fc.constantFrom(...figures),
        fc.constantFrom('<', '<=', '>', '>=', '==', '!='),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map(bound => bound + 0),
        fc.array(space, { minLength: 5, maxLength: 5 }),
        (figure, operator, bound, [a, b, c, d, e]) => {
          const key = figureKinds[figure].per === undefined ? undefined : 'some-0.5'
          const text = `${a}${figure}${b}${key === undefined ? '' : `[${key}]`}${c}${operator}${d}${bound}${e}`
          const gate = parseGate(text)
          expect(gate).toMatchObject({ figure, operator, bound })
          expect(gate.key).toBe(key)
        },
      ),
    )
  })

  test('is never met by what is no number', () => {
    for (const operator of ['<', '<=', '>', '>=', '==', '!=']) {
      expect(meets(parseGate(`classes ${operator} 3`), Number.NaN)).toBe(false)
    }
  })

  test('is met as arithmetic has it', () => {
    fc.assert(
      fc.property(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 }), (value, bound) => {
        const met = (operator: string) => meets(parseGate(`newIssues ${operator} ${bound}`), value)
        expect(met('<')).toBe(!met('>='))
        expect(met('>')).toBe(!met('<='))
        expect(met('==')).toBe(!met('!='))
        expect(met('<=')).toBe(met('<') || met('=='))
        expect(met('<')).toBe(value < bound)
        expect(met('==')).toBe(value === bound)
      }),
    )
  })
})

describe('the gates of a pipeline', () => {
  const resolve = (gates: string[], more: object = {}) =>
    resolvePipeline({ name: 'x', dataset: { path: 'd.csv' }, gates, ...more }, '/')

  test('are refused where its runs have no such figure', () => {
    const compress = [{ method: 'magnitude' as const, sparsity: 0.9 }]
    const level = refusal(() => resolve(['top1[magnitud-0.9] > 0.5'], { compress }))
    expect(level).toMatchObject({ key: 'gates[0]', mend: expect.stringContaining('"magnitude-0.9"') })
    expect(refusal(() => resolve(['pies[dense] < 1'], { compress })).message).toContain(
      'no compressed level "dense"',
    )
    for (const [gate, needed] of [
      ['auroc > 0.9', 'dataset.trueLabel'],
      ['relativeTop1[dense] > 0.9', 'robustness'],
      ['retrainTop1[cleaned] > 0.9', 'retrain'],
    ]) {
      expect(refusal(() => resolve([gate])).mend).toContain(needed)
    }
    expect(refusal(() => resolve(['duplicateGroups < 1'], { inspect: false })).mend).toContain('inspect')
  })

  test('stand in the pipeline as they were written', () => {
    expect(resolve(['noiseRate < 2 %', 'newIssues <= 50']).gates).toEqual([
      'noiseRate < 2 %',
      'newIssues <= 50',
    ])
  })
})

describe('a schedule', () => {
  const resolve = (schedule: { cron: string; timezone?: string }) =>
    resolvePipeline({ name: 'x', dataset: { path: 'd.csv' }, schedule }, '/')

  test.each([
    [{ cron: '61 * * * *' }, 'schedule.cron', 'is no cron expression'],
    [{ cron: '0 0 0 * * *' }, 'schedule.cron', 'requires exactly 5 parts'],
    [{ cron: '0 0 30 2 *' }, 'schedule.cron', 'never comes'],
    [{ cron: '0 3 * * *', timezone: 'Europe/Berlinn' }, 'schedule.timezone', 'there is no time zone'],
  ])('%j is refused', (schedule, key, words) => {
    const error = refusal(() => resolve(schedule))
    expect(error.key).toBe(key)
    expect(error.message).toContain(words)
  })

  test('is in UTC unless it says otherwise', () => {
    expect(resolve({ cron: '0 3 * * *' }).schedule).toEqual({ cron: '0 3 * * *', timezone: 'UTC' })
  })
})
