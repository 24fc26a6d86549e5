import { afterEach, expect, test } from 'vitest'
import { exposition } from '../../src/metrics/prometheus.js'
import { type MetricsServer, serveMetrics } from '../../src/metrics/server.js'

test('the text has help and type once a family, and escapes what would break a line', () => {
  const text = exposition([
    {
      name: 'a_ratio',
      type: 'gauge',
      help: 'one\ntwo \\',
      samples: [
        { labels: { name: 'x"\\\n' }, value: 0.25 },
        { labels: {}, value: Number.NaN },
        { labels: { name: 'y', other: 'z' }, value: Number.NEGATIVE_INFINITY },
      ],
    },
    { name: 'none', type: 'gauge', help: '', samples: [] },
    { name: 'turns_total', type: 'counter', help: 'turns', samples: [{ labels: {}, value: 1e21 }] },
  ])
  expect(text.split('\n')).toEqual([
    '# HELP a_ratio one\\ntwo \\\\',
    '# TYPE a_ratio gauge',
    'a_ratio{name="x\\"\\\\\\n"} 0.25',
    'a_ratio NaN',
    'a_ratio{name="y",other="z"} -Inf',
    '# HELP turns_total turns',
    '# TYPE turns_total counter',
    'turns_total 1e+21',
    '',
  ])
})

let server: MetricsServer | undefined
afterEach(() => server?.close())

test('metrics are served to this machine, anew for every request', async () => {
  let value = 0
  server = await serveMetrics(0, () => `x ${++value}\n`)
  const at = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server!.port}${path}`, init)
  const first = await at('/metrics')
  expect(first.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect([await first.text(), await (await at('/metrics')).text()]).toEqual(['x 1\n', 'x 2\n'])
  expect((await at('/')).status).toBe(404)
  expect((await at('/metrics', { method: 'POST' })).status).toBe(405)
  await expect(serveMetrics(server.port, () => '')).rejects.toThrow('metrics cannot be served there')
})
