import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytes,
  count,
  counted,
  fraction,
  meanPercent,
  percent,
  points,
  shorten,
  textWidth,
} from '../../src/report/format.js'

describe('format', () => {
  it('writes shares as per cent', () => {
    expect(percent(0.1234)).toBe('12.3\u202f%')
    expect(percent(-0.1234, 2)).toBe('−12.34\u202f%')
    expect(percent(-0.00001)).toBe('0.0\u202f%')
    expect(percent(Number.NaN)).toBe('–')
  })

  it('writes differences with their sign', () => {
    expect(points(0.012)).toBe('+1.2')
    expect(points(-0.012)).toBe('−1.2')
    expect(points(0.0001)).toBe('0.0')
    expect(points(-0.0001)).toBe('0.0')
    expect(points(Number.NaN)).toBe('–')
  })

  it('writes counts with their noun', () => {
    expect(count(1_234_567)).toBe('1,234,567')
    expect(counted(1, 'label')).toBe('1 label')
    expect(counted(1012, 'label')).toBe('1,012 labels')
    expect(counted(2, 'class', 'classes')).toBe('2 classes')
  })

  it('writes sizes in decimal units', () => {
    expect(bytes(0)).toBe('0\u202fB')
    expect(bytes(999)).toBe('999\u202fB')
    expect(bytes(231_000)).toBe('231\u202fkB')
    expect(bytes(1_234_567)).toBe('1.2\u202fMB')
  })

  it('writes small probabilities as below what it can show', () => {
    expect(fraction(0.0421)).toBe('0.042')
    expect(fraction(0.00001)).toBe('<\u202f0.001')
    expect(fraction(0)).toBe('0.000')
    expect(fraction(Number.NaN)).toBe('–')
  })

  it('leaves the deviation out where there is none', () => {
    expect(meanPercent(0.912, 0.004)).toBe('91.2 ± 0.4\u202f%')
    expect(meanPercent(0.912, Number.NaN)).toBe('91.2\u202f%')
    expect(meanPercent(Number.NaN, 0.1)).toBe('–')
  })

  it('shortens by width and whole characters', () => {
    expect(shorten('abc', 22)).toBe('abc')
    expect(shorten('abcd', 22)).toBe('ab…')
    expect(shorten('😀😀😀😀', 40)).toBe('😀😀…')
    expect(shorten('word by word', 50)).toBe('word…')
  })

  it('never shortens to more than there is room for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 10, max: 200 }), (text, pixels) => {
        expect(textWidth(shorten(text, pixels))).toBeLessThanOrEqual(pixels)
      }),
    )
  })
})
