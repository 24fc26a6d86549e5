/**
 * Quality gates: conditions that a run's figures must meet, one a line of the pipeline file.
 *
 * ```
 * gate     = figure ["[" key "]"] operator number ["%"]
 * operator = "<" | "<=" | ">" | ">=" | "==" | "!="
 * ```
 */
import { ConfigError } from '../errors.js'
import { hintKinds } from '../inspection/hints.js'
import { didYouMean } from '../nearest.js'
import type { Pipeline } from './config.js'
import type { Fault } from './config-errors.js'
import { levelsOf } from './levels.js'

/** What of the pipeline a figure is about, without which there is no such figure. */
type Need = 'inspect' | 'truth' | 'robustness' | 'retrain' | 'last good run'

interface FigureKind {
  readonly meaning: string
  /** Of a share or a difference of shares; other figures count, or have no unit. */
  readonly unit?: 'ratio'
  /** What the key in brackets names. A level that is not named is `dense`. */
  readonly per?: 'level' | 'compressed level' | 'hint' | 'arm'
  readonly needs?: Need
}

const kinds = {
  trainExamples: { meaning: 'training examples' },
  testExamples: { meaning: 'test examples' },
  classes: { meaning: 'classes' },
  skipped: { meaning: 'damaged examples left out' },
  labelIssues: { meaning: 'label issues' },
  issueRate: { meaning: 'label issues ÷ examples', unit: 'ratio' },
  noiseRate: { meaning: 'labels estimated to be wrong ÷ examples', unit: 'ratio' },
  noiseRateLow: { meaning: 'lower end of its 95 % interval', unit: 'ratio' },
  noiseRateHigh: { meaning: 'upper end of its 95 % interval', unit: 'ratio' },
  top1: { meaning: 'accuracy against the given labels, mean over members', unit: 'ratio', per: 'level' },
  worstClassRecall: {
    meaning: 'recall of the class with the lowest, mean over members',
    unit: 'ratio',
    per: 'level',
  },
  pies: { meaning: 'PIEs', per: 'compressed level' },
  pieRate: { meaning: 'PIEs ÷ examples', unit: 'ratio', per: 'compressed level' },
  significantClasses: { meaning: 'classes whose recall changed significantly', per: 'compressed level' },
  hints: { meaning: 'examples with this hint', per: 'hint', needs: 'inspect' },
  duplicateGroups: { meaning: 'groups of duplicates', needs: 'inspect' },
  duplicatesAcrossSplits: { meaning: 'examples with a duplicate in the other split', needs: 'inspect' },
  duplicatesOtherLabel: { meaning: 'examples with a duplicate of another label', needs: 'inspect' },
  neighborAgreement: {
    meaning: 'share of neighbours with the same given label',
    unit: 'ratio',
    needs: 'inspect',
  },
  issuePrecision: {
    meaning: 'share of the label issues whose label is wrong',
    unit: 'ratio',
    needs: 'truth',
  },
  issueRecall: { meaning: 'share of the wrong labels that are label issues', unit: 'ratio', needs: 'truth' },
  averagePrecision: { meaning: 'of label quality, against the truth', needs: 'truth' },
  auroc: { meaning: 'of label quality, against the truth', needs: 'truth' },
  calibrationError: { meaning: 'expected calibration error of label quality', unit: 'ratio', needs: 'truth' },
  corruptedTop1: {
    meaning: 'accuracy on corrupted pictures',
    unit: 'ratio',
    per: 'level',
    needs: 'robustness',
  },
  relativeTop1: {
    meaning: 'that ÷ accuracy on clean ones',
    unit: 'ratio',
    per: 'level',
    needs: 'robustness',
  },
  retrainTop1: { meaning: 'test accuracy of an arm', unit: 'ratio', per: 'arm', needs: 'retrain' },
  retrainDifference: {
    meaning: 'that − the same of the arm `all`',
    unit: 'ratio',
    per: 'arm',
    needs: 'retrain',
  },
  newIssues: { meaning: 'label issues that were none', needs: 'last good run' },
  solvedIssues: { meaning: 'label issues that are none any more', needs: 'last good run' },
  addedExamples: { meaning: 'examples that were not there', needs: 'last good run' },
  removedExamples: { meaning: 'examples that are gone', needs: 'last good run' },
  relabeledExamples: { meaning: 'examples whose given label changed', needs: 'last good run' },
  editedExamples: { meaning: 'examples of other content under the same id', needs: 'last good run' },
  classDrift: { meaning: 'population stability index of the class shares', needs: 'last good run' },
  driftedStatistics: { meaning: 'image statistics that moved significantly', needs: 'last good run' },
  noiseRateChange: { meaning: '`noiseRate` now − then', unit: 'ratio', needs: 'last good run' },
  top1Change: { meaning: '`top1` now − then', unit: 'ratio', per: 'level', needs: 'last good run' },
} as const satisfies Readonly<Record<string, FigureKind>>

export type FigureName = keyof typeof kinds

/** Every figure a gate may look at. Shares lie between 0 and 1. */
export const figureKinds: Readonly<Record<FigureName, FigureKind>> = kinds

/** A figure's name with what it is of: `noiseRate`, `top1[dense]`. */
export function figureId(figure: FigureName, key?: string): string {
  return key === undefined ? figure : `${figure}[${key}]`
}

const operators = {
  '<=': (value: number, bound: number) => value <= bound,
  '>=': (value: number, bound: number) => value >= bound,
  '==': (value: number, bound: number) => value === bound,
  '!=': (value: number, bound: number) => value !== bound,
  '<': (value: number, bound: number) => value < bound,
  '>': (value: number, bound: number) => value > bound,
} as const

export interface Gate {
  /** As somebody wrote it, without white space around it. */
  readonly text: string
  readonly figure: FigureName
  /** A level, hint or arm; absent for figures that are of the whole run. */
  readonly key?: string
  readonly operator: keyof typeof operators
  readonly bound: number
}

/** Whether a figure's value meets the gate's condition; NaN meets none. */
export function meets({ operator, bound }: Gate, value: number): boolean {
  return !Number.isNaN(value) && operators[operator](value, bound)
}

const number = /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?/iy
const operator = new RegExp(Object.keys(operators).join('|'), 'y')

/**
 * Reads a gate, such as `noiseRate < 0.02` or `top1[magnitude-0.9] >= 70 %`.
 * @throws ConfigError that says at which character, counting from 1, what was expected
 */
export function parseGate(text: string): Gate {
  let at = 0
  const skip = () => {
    while (/\s/.test(text[at] ?? '')) at++
  }
  const refuse = (expected: string): never => {
    const found = at < text.length ? `there is "${text.slice(at)}"` : 'it ends'
    throw new ConfigError(
      `"${text.trim()}": ${expected} is expected at character ${at + 1}, where ${found}`,
      {
        mend: 'Write it like noiseRate < 0.02 or top1[dense] >= 90 %.',
      },
    )
  }
  const take = (pattern: RegExp): string | undefined => {
    skip()
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    at += found?.length ?? 0
    return found
  }
  const name = take(/[a-z][a-z0-9]*/iy) ?? refuse('the name of a figure')
  if (!Object.hasOwn(kinds, name)) throw unknownFigure(name, text)
  const figure = name as FigureName
  const key = take(/\[/y) && keyOf()
  const sign = take(operator) ?? refuse(`one of ${Object.keys(operators).join(' ')}`)
  const value = Number(take(number) ?? refuse('a number'))
  const isPercent = take(/%/y) !== undefined
  skip()
  if (at < text.length) refuse('the end')
  return {
    text: text.trim(),
    figure,
    ...withKey(figure, key, text),
    operator: sign as Gate['operator'],
    bound: isPercent ? value / 100 : value,
  }

  function keyOf(): string {
    const written = take(/[^\]]+/y)?.trim() || refuse('a name')
    if (take(/\]/y) === undefined) refuse('"]"')
    return written
  }
}

function unknownFigure(name: string, text: string): ConfigError {
  const question = didYouMean(name, Object.keys(kinds))
  return new ConfigError(`"${text.trim()}": there is no figure "${name}"`, {
    mend: `${question}There are ${Object.keys(kinds).join(', ')}.`,
  })
}

function withKey(figure: FigureName, key: string | undefined, text: string): { readonly key?: string } {
  const { per } = figureKinds[figure]
  if (per === undefined) {
    if (key === undefined) return {}
    throw new ConfigError(`"${text.trim()}": ${figure} is one figure of the whole run`, {
      mend: `Leave "[${key}]" out.`,
    })
  }
  if (key !== undefined) return { key }
  if (per === 'level') return { key: 'dense' }
  throw new ConfigError(`"${text.trim()}": ${figure} is a figure of each ${per}`, {
    mend: `Name one: ${figure}[…].`,
  })
}

/** What is wrong with a pipeline's gates: their words, and figures that its runs do not have. */
export function gateFaults(pipeline: Pipeline): Fault[] {
  return (pipeline.gates ?? []).flatMap((text, at): Fault[] => {
    const path = ['gates', at]
    try {
      requireFigure(parseGate(text), pipeline)
      return []
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      const { message, mend } = error
      return [{ path, message, ...(mend !== undefined && { mend }) }]
    }
  })
}

/** @throws ConfigError if runs of this pipeline have no such figure */
export function requireFigure({ figure, key, text }: Gate, pipeline: Pipeline): void {
  const { per, needs } = figureKinds[figure]
  const missing = needs === undefined ? undefined : missingFor(needs, pipeline)
  if (missing !== undefined) {
    throw new ConfigError(`"${text}": this pipeline’s runs have no ${figure}`, { mend: missing })
  }
  if (per === undefined || key === undefined) return
  const names = namesOf(per, pipeline)
  if (names.includes(key)) return
  throw new ConfigError(`"${text}": there is no ${per} "${key}"`, {
    mend: `${didYouMean(key, names)}There are ${names.join(', ')}.`,
  })
}

function missingFor(need: Need, pipeline: Pipeline): string | undefined {
  switch (need) {
    case 'inspect':
      return pipeline.inspect === false ? 'Take `inspect: false` out.' : undefined
    case 'truth':
      return pipeline.dataset.trueLabel === undefined ? 'Set `dataset.trueLabel`.' : undefined
    case 'robustness':
    case 'retrain':
      return pipeline[need] === undefined ? `Add \`${need}\`.` : undefined
    case 'last good run':
      return undefined
  }
}

function namesOf(per: NonNullable<FigureKind['per']>, pipeline: Pipeline): readonly string[] {
  const levels = levelsOf(pipeline).map(({ name }) => name)
  switch (per) {
    case 'level':
      return levels
    case 'compressed level':
      return levels.slice(1)
    case 'hint':
      return hintKinds
    case 'arm':
      return pipeline.retrain?.arms ?? []
  }
}
