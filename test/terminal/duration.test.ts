import { describe, expect, test } from 'vitest'
import { duration, Pace } from '../../src/terminal/duration.js'

test.each([
  [0, '0.0 s'],
  [0.42, '0.4 s'],
  [9.96, '10 s'],
  [59.6, '1 min'],
  [80, '1 min 20 s'],
  [3600, '1 h'],
  [3900, '1 h 5 min'],
  [90_000, '25 h'],
  [180_000, '2 d 2 h'],
])('%d seconds are “%s”', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})

describe('the pace', () => {
  test('is not known before anything is done', () => {
    const pace = new Pace(10, 100)
    expect(pace.secondsLeft(105)).toBeUndefined()
  })

  test('tells the time left from the time spent', () => {
    const pace = new Pace(10, 100)
    pace.update(4, 108)
    expect(pace.secondsLeft(108)).toBe(12)
    expect(pace.secondsLeft(110)).toBe(15)
    pace.update(10, 120)
    expect(pace.secondsLeft(120)).toBe(0)
  })

  test('does not count what was there already', () => {
    const pace = new Pace(100, 0)
    pace.update(90, 0.2)
    expect(pace.secondsLeft(0.2)).toBeUndefined()
    pace.update(95, 10.2)
    expect(pace.secondsLeft(10.2)).toBeCloseTo(10)
  })

  test('does not count what it took to get ready', () => {
    const pace = new Pace(1000, 0)
    pace.update(10, 60)
    expect(pace.secondsLeft(60)).toBeUndefined()
    pace.update(20, 60.1)
    expect(pace.secondsLeft(60.1)).toBeUndefined()
    pace.update(110, 70)
    expect(pace.secondsLeft(70)).toBeCloseTo(89)
  })
})
