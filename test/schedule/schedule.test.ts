/** Scheduled runs as processes of their own, on data that changes, with a webhook that fails first. */
import { createHmac } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { UnavailableError } from '../../src/errors.js'
import { checkRun } from '../../src/gates/check.js'
import type { Message } from '../../src/notify/message.js'
import { listRuns } from '../../src/pipeline/runs.js'
import type { ArtefactStore, DiskArtefactStore } from '../../src/pipeline/store.js'
import { randomStream } from '../../src/random.js'
import { runOnce, schedule } from '../../src/schedule/scheduler.js'
import { pieline, start } from '../commands/cli.js'

const secret = 'known to the webhook alone'
let folder: string
let out: string
let server: Server
/** Messages that the webhook took, and attempts that it refused. */
let taken: Message[]
let refused: number
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-schedule-'))
  out = join(folder, 'runs')
  taken = []
  refused = 0
  const seen = new Set<string>()
  server = createServer(async (request, response) => {
    const body = await text(request)
    const [, seconds, hash] = /^t=(\d+),v1=(.*)$/.exec(`${request.headers['pieline-signature']}`) ?? []
    const expected = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
    if (hash !== expected) return response.writeHead(403).end()
    const message: Message = JSON.parse(body)
    // The first attempt of each fails.
    if (!seen.has(message.id)) {
      seen.add(message.id)
      refused++
      return response.writeHead(503).end()
    }
    taken.push(message)
    return response.writeHead(204).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  vi.stubEnv('PIELINE_TEST_WEBHOOK', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  vi.stubEnv('PIELINE_TEST_SECRET', secret)
  await writeData(80)
  await writeFile(
    join(folder, 'nightly.yaml'),
    `name: nightly
dataset: { path: data.csv, testShare: 0.2, id: id }
model: { architecture: mlp, epochs: 1, width: 0.1 }
population: { seeds: 2, crossFit: 2 }
compress: [{ method: float16 }]
inspect: false
schedule: { cron: '* * * * *' }
gates: ['trainExamples >= 50', 'relabeledExamples == 0', 'top1[float16] >= 0 %']
keep: { runs: 3 }
notify:
  - to: webhook
    url: { env: PIELINE_TEST_WEBHOOK }
    secret: { env: PIELINE_TEST_SECRET }
    on: [gate, failed]
`,
  )
})
afterAll(async () => {
  vi.unstubAllEnvs()
  server.close()
  server.closeAllConnections()
  await rm(folder, { recursive: true, force: true })
})

/** Three clouds in the plane; the first examples may have the next class’s label. */
async function writeData(rows: number, wrong = 0): Promise<void> {
  const lines = Array.from({ length: rows }, (_, row) => {
    const random = randomStream(7, row)
    const label = row % 3
    const [x, y] = [label * 4 + random.uniform(), (label === 1 ? 4 : 0) + random.uniform()]
    return `e${row},${x},${y},${'abc'[row < wrong ? (label + 1) % 3 : label]}`
  })
  await writeFile(join(folder, 'data.csv'), `id,x,y,label\n${lines.join('\n')}\n`)
}

interface Event extends Readonly<Record<string, unknown>> {
  readonly event: string
}

/** A turn in this process, with what it logged. */
async function turn() {
  const events: Event[] = []
  const [result] = await runOnce([join(folder, 'nightly.yaml')], {
    out,
    signal: new AbortController().signal,
    log: (level, event, fields) => events.push({ level, event, ...fields }),
    metricsFile: join(folder, 'm.prom'),
  })
  return { result, events, named: (name: string) => events.find(({ event }) => event === name) }
}

const runs = () => listRuns(join(out, 'nightly'))
const newest = async () => (await runs())[0]
/** Turns train, and start processes and threads. */
const long = 300_000

describe('a turn', () => {
  test('finds nothing to compare with at first, and says that the gates held', {
    timeout: long,
  }, async () => {
    const { result, named } = await turn()
    expect(result.outcome).toBe('passed')
    const checked = named('gates-checked')
    expect(checked).toMatchObject({ pipeline: 'nightly', against: null, outcome: 'all 3 gates held' })
    expect(checked?.gates).toMatchObject([{ outcome: 'held' }, { outcome: 'skipped' }, { outcome: 'held' }])
  })

  test('does nothing anew on the same data, and compares with the last good run', async () => {
    const good = (await newest()).manifest.run
    const { result, events, named } = await turn()
    expect(result.outcome).toBe('passed')
    const finished = events.filter(({ event }) => event === 'stage-finished')
    expect(finished.every(({ reused }) => reused)).toBe(true)
    expect(named('gates-checked')).toMatchObject({
      against: good,
      news: expect.stringContaining('nothing changed'),
    })
    expect(taken).toEqual([])
  })

  test('closes the gate on data that went bad, and tells it, signed and again', {
    timeout: long,
  }, async () => {
    const good = (await newest()).manifest.run
    await writeData(90, 6)
    const { result, events } = await turn()
    expect(result.outcome).toBe('gate')
    expect(refused).toBe(1)
    expect(taken).toMatchObject([
      {
        event: 'gate',
        pipeline: 'nightly',
        run: (await newest()).manifest.run,
        summary: expect.stringContaining('1 of 3 gates failed'),
        verdict: { against: good, passed: false, figures: { relabeledExamples: 6, addedExamples: 10 } },
      },
    ])
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['notification-later', 'notified']),
    )
    const metrics = await readFile(join(folder, 'm.prom'), 'utf8')
    expect(metrics).toMatch(/^pieline_relabeled_examples\{pipeline="nightly"\} 6$/m)
    expect(metrics).toMatch(/^pieline_gate_held\{pipeline="nightly",gate="relabeledExamples == 0"\} 0$/m)
    expect(metrics).toMatch(/^pieline_top1_ratio\{pipeline="nightly",level="dense"\} [\d.]+$/m)
    for (const file of [join((await newest()).folder, 'manifest.json'), join(folder, 'm.prom')]) {
      expect(await readFile(file, 'utf8')).not.toContain(secret)
    }
    expect(JSON.stringify(events)).not.toContain(secret)
  })

  test('compares with the last good run, not with one whose gate failed, and keeps it', async () => {
    const good = (await runs())[1].manifest.run
    for (let again = 0; again < 3; again++) {
      expect((await turn()).named('gates-checked')).toMatchObject({ against: good })
    }
    const kept = await runs()
    expect(kept).toHaveLength(4)
    expect(kept.at(-1)?.manifest.run).toBe(good)
  })
})

describe('pieline check', () => {
  test('fails by the gates, and writes JUnit, Markdown and the job’s summary', {
    timeout: long,
  }, async () => {
    vi.stubEnv('GITHUB_STEP_SUMMARY', join(folder, 'summary.md'))
    const files = ['--junit', 'gates.xml', '--markdown', 'gates.md']
    const { code, stdout, stderr } = await pieline(folder, 'check', 'nightly', ...files)
    expect(code).toBe(1)
    expect(stderr).toContain('1 of 3 gates failed')
    expect(stdout).toContain('✗ relabeledExamples == 0')
    expect(await readFile(join(folder, 'gates.xml'), 'utf8')).toContain('failures="1"')
    const markdown = await readFile(join(folder, 'gates.md'), 'utf8')
    expect(markdown).toContain('### ❌ nightly: 1 of 3 gates failed')
    expect(await readFile(join(folder, 'summary.md'), 'utf8')).toBe(`${markdown}\n`)
  })

  test('takes gates of today and another run to compare with', async () => {
    const [bad] = await runs()
    const { verdict } = await checkRun(bad, { against: bad, gates: ['newIssues == 0'] })
    expect(verdict).toMatchObject({ passed: true, against: bad.manifest.run })
    expect(verdict.gates.at(-1)).toMatchObject({ gate: 'newIssues == 0', outcome: 'held', value: 0 })
    await expect(checkRun(bad, { gates: ['newIssus == 0'] })).rejects.toThrow('there is no figure "newIssus"')
  })
})

describe('a scheduler', () => {
  test('killed with SIGKILL leaves a lock that the next one takes over', { timeout: long }, async () => {
    await writeData(100)
    const { child, outcome } = start(folder, 'schedule', 'nightly.yaml', '--once', '--json')
    for await (const line of createInterface({ input: child.stdout })) {
      if (JSON.parse(line).event === 'run-started') break
    }
    // A process that stands still is there all the same.
    child.kill('SIGSTOP')
    const second = await turn()
    expect(second.result.outcome).toBe('skipped')
    expect(second.named('turn-skipped')).toMatchObject({ pid: child.pid })
    child.kill('SIGKILL')
    await outcome
    expect((await turn()).result.outcome).toBe('passed')
    expect((await runs()).slice(0, 2).map(({ manifest }) => manifest.status)).toEqual(['done', 'interrupted'])
  })

  test('catches up once on what was missed, serves metrics, ends on SIGTERM', { timeout: long }, async () => {
    for (const { folder: run, manifest } of await runs()) {
      const started = new Date(Date.parse(manifest.started) - 3_600_000).toISOString()
      await writeFile(join(run, 'manifest.json'), JSON.stringify({ ...manifest, started }))
    }
    const { child, outcome } = start(folder, 'schedule', 'nightly.yaml', '--json', '--metrics-port', '0')
    const events: Event[] = []
    let metrics = ''
    for await (const line of createInterface({ input: child.stdout })) {
      events.push(JSON.parse(line))
      if (events.at(-1)?.event !== 'run-due') continue
      const { port } = events.find(({ event }) => event === 'metrics-served')!
      metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      child.kill('SIGTERM')
      break
    }
    expect(
      events.map(({ event }) => event).filter(event => !['stage-finished', 'pruned'].includes(event)),
    ).toEqual(['metrics-served', 'run-missed', 'run-started', 'run-finished', 'gates-checked', 'run-due'])
    expect(events.every(({ time, level }) => !Number.isNaN(Date.parse(`${time}`)) && level)).toBe(true)
    expect(metrics).toMatch(/^pieline_turns_total\{pipeline="nightly",outcome="passed"\} 1$/m)
    expect(metrics).toMatch(/^pieline_next_run_timestamp_seconds\{pipeline="nightly"\} \d+$/m)
    expect((await outcome).code).toBe(0)
  })

  test('does not start without a schedule, a secret, or names that tell pipelines apart', async () => {
    const bare = 'name: bare\ndataset: { path: data.csv }\n'
    const file = async (name: string, text: string) => {
      await writeFile(join(folder, name), text)
      return join(folder, name)
    }
    const options = { out, signal: new AbortController().signal, log: () => {} }
    const one = await file('bare.yaml', bare)
    await expect(schedule([one], options)).rejects.toThrow('does not say when it is due')
    const hook = 'notify: [{ to: webhook, url: { env: PIELINE_NO_SUCH } }]\n'
    const hooked = await file('hooked.yaml', bare + hook)
    await expect(runOnce([hooked], options)).rejects.toThrow('PIELINE_NO_SUCH is not set')
    await expect(runOnce([one, await file('twin.yaml', bare)], options)).rejects.toThrow('has the name of')
    expect(await readdir(out)).not.toContain('bare')
  })

  test('shares what it makes, as a run does; where that cannot be, the turn fails and the next one comes', async () => {
    const file = join(folder, 'shared.yaml')
    await writeFile(file, 'name: shared\ndataset: { path: data.csv, label: label }\n')
    const away = new UnavailableError('the object storage cannot be reached')
    const shared: string[] = []
    const share = async ({ folder }: DiskArtefactStore): Promise<ArtefactStore> => {
      shared.push(folder)
      throw away
    }
    const options = {
      out: join(folder, 'sharing'),
      share,
      signal: new AbortController().signal,
      log: () => {},
    }
    expect(await runOnce([file], options)).toEqual([{ outcome: 'failed', error: away }])
    expect(shared).toEqual([join(folder, 'sharing', 'store')])
  })
})
