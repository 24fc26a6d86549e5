import { expect, test } from 'vitest'
import { timetable } from '../../src/pipeline/timetable.js'

const next = (cron: string, timezone: string, after: string) =>
  timetable({ cron, timezone }).next(new Date(after))?.toISOString()
const last = (cron: string, timezone: string, until: string) =>
  timetable({ cron, timezone }).last(new Date(until))?.toISOString()

test('the next time is strictly after, the last one may be the moment itself', () => {
  expect(next('0 3 * * *', 'UTC', '2026-05-01T03:00:00.000Z')).toBe('2026-05-02T03:00:00.000Z')
  expect(next('0 3 * * *', 'UTC', '2026-05-01T02:59:59.999Z')).toBe('2026-05-01T03:00:00.000Z')
  expect(last('0 3 * * *', 'UTC', '2026-05-01T03:00:00.000Z')).toBe('2026-05-01T03:00:00.000Z')
  expect(last('0 3 * * *', 'UTC', '2026-05-01T02:59:59.999Z')).toBe('2026-04-30T03:00:00.000Z')
})

test('a time is that of the time zone, in summer and winter', () => {
  expect(next('0 3 * * *', 'Europe/Berlin', '2026-01-01T12:00:00Z')).toBe('2026-01-02T02:00:00.000Z')
  expect(next('0 3 * * *', 'Europe/Berlin', '2026-07-01T12:00:00Z')).toBe('2026-07-02T01:00:00.000Z')
})

test('a time that the clock jumps over is due right after, one that comes twice is due once', () => {
  expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toBe('2026-03-29T01:00:00.000Z')
  expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-29T01:00:00Z')).toBe('2026-03-30T00:30:00.000Z')
  expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z')).toBe('2026-10-25T00:30:00.000Z')
  expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:30:00Z')).toBe('2026-10-26T01:30:00.000Z')
})

test('of day of month and day of week either will do, as in crontab(5)', () => {
  const found = [next('0 0 13 * 5', 'UTC', '2026-01-01T00:00:00Z')]
  while (found.length < 3) found.push(next('0 0 13 * 5', 'UTC', found.at(-1)!))
  expect(found.map(time => time?.slice(0, 10))).toEqual(['2026-01-02', '2026-01-09', '2026-01-13'])
})
