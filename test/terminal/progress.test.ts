import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import type { RunEvent } from '../../src/pipeline/events.js'
import { jsonReporter, reporterFor } from '../../src/terminal/progress.js'

const events: RunEvent[] = [
  {
    event: 'run-started',
    run: '20260131T000000.000Z',
    pipeline: 'small',
    folder: '/runs/small/20260131T000000.000Z',
    stages: ['ingest', 'train'],
    reused: ['ingest'],
  },
  { event: 'stage-started', stage: 'ingest' },
  {
    event: 'stage-finished',
    stage: 'ingest',
    reused: true,
    seconds: 3,
    headline: { trainExamples: 3, testExamples: 0, classes: 2, skipped: 0 },
  },
  { event: 'stage-started', stage: 'train' },
  ...Array.from({ length: 101 }, (_, done) => ({
    event: 'progress' as const,
    stage: 'train' as const,
    label: 'training members',
    done,
    total: 100,
  })),
  { event: 'log', stage: 'train', message: 'one class is rare' },
  { event: 'stage-finished', stage: 'train', reused: false, seconds: 83, headline: { members: 5 } },
  { event: 'run-finished', run: '20260131T000000.000Z', folder: '/runs', seconds: 84 },
]

async function written(report: (stream: PassThrough) => { observe(event: RunEvent): void; end(): void }) {
  const stream = new PassThrough()
  const all = text(stream)
  const reporter = report(stream)
  for (const event of events) reporter.observe(event)
  reporter.end()
  stream.end()
  return all
}

test('where nobody looks, a stage is a line', async () => {
  const lines = await written(stream => reporterFor(stream as unknown as NodeJS.WriteStream))
  expect(lines).toBe(
    [
      'small 20260131T000000.000Z, 1 of 2 stages are there already',
      'ingest: reused · 3 training examples, 0 for testing, 2 classes',
      'train: one class is rare',
      'train: 1 min 23 s · 5 members',
      '',
    ].join('\n'),
  )
})

test('for machines every event is a line of JSON, counts now and then and at their end', async () => {
  const lines = (await written(jsonReporter)).trim().split('\n')
  const told = lines.map(line => JSON.parse(line) as RunEvent)
  expect(told.filter(({ event }) => event !== 'progress')).toEqual(
    events.filter(({ event }) => event !== 'progress'),
  )
  const counts = told.filter(event => event.event === 'progress')
  expect(counts.at(-1)).toMatchObject({ done: 100, total: 100 })
  expect(counts.length).toBeLessThan(100)
})
