/** The page of a cluster, on a real Redis, asked as a browser and as an attacker would. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, parseAddress } from '../../src/cluster/address.js'
import { serveCluster } from '../../src/cluster/page.js'
import { jobOptions, prefix, queueName } from '../../src/cluster/queue.js'
import { type ClusterView, viewCluster } from '../../src/cluster/state.js'
import type { PageServer } from '../../src/pages/serve.js'
import { keyOf } from '../../src/pipeline/key.js'
import { seriousFindings } from '../report/axe.js'
import { findChromium, launchChromium } from '../report/chromium.js'
import { hasRedis, type RedisServer, startRedis } from './redis.js'

const title = '<img src=x onerror=alert(1)>'

describe.skipIf(!hasRedis)('the page of a cluster', () => {
  let folder: string
  let redis: RedisServer
  let view: ClusterView
  let server: PageServer
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pieline-cluster-page-'))
    redis = await startRedis(folder)
    const address = parseAddress(`redis://127.0.0.1:${redis.port}`, true)
    const connection = await connect(address)
    const queue = new Queue(queueName(), { connection, prefix })
    for (const [at, stage] of (['train', 'train', 'predict'] as const).entries()) {
      const kind = stage === 'predict' ? 'predict' : 'train'
      await queue.add(kind, { kind, title: `${title} ${at}`, stage, task: {} }, jobOptions(keyOf(at), stage))
    }
    await queue.close()
    connection.disconnect()
    view = await viewCluster(address)
    server = await serveCluster(view, 'redis://head:6379', { host: '127.0.0.1', port: 0 })
  })
  afterAll(async () => {
    await server.close()
    await view.close()
    await redis.kill()
    await rm(folder, { recursive: true })
  })

  it('is for whoever has its address, and changes nothing', async () => {
    const { origin } = new URL(server.address)
    expect((await fetch(`${origin}/api/state`)).status).toBe(401)
    const first = await fetch(server.address, { redirect: 'manual' })
    expect(first.status).toBe(303)
    const cookie = first.headers.get('set-cookie')!.split(';')[0]!
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(`${origin}${path}`, { ...init, headers: { cookie, ...init.headers } })
    const state = (await (await ask('/api/state')).json()) as Record<string, unknown>
    expect(state).toMatchObject({ waiting: { train: 2, predict: 1 }, active: [], workers: [] })
    expect(state.history).toEqual(new Array(10).fill(0))
    expect((await ask('/api/state', { method: 'POST', headers: { origin } })).status).toBe(405)
    expect((await ask('/api/state', { method: 'POST', headers: { origin: 'http://evil' } })).status).toBe(403)
    expect((await ask('/../package.json')).status).toBe(404)
    expect((await ask('/')).headers.get('content-security-policy')).toContain("default-src 'none'")
  })

  const executable = findChromium()
  it.skipIf(executable === undefined)(
    'shows the queue, as text, to everybody',
    async () => {
      const browser: Browser = await launchChromium(executable!)
      try {
        const page = await browser.newPage()
        const trouble: string[] = []
        page.on('pageerror', error => trouble.push(String(error)))
        page.on('console', message => message.type() === 'error' && trouble.push(message.text()))
        await page.goto(server.address)
        await expect.poll(() => page.textContent('#count-waiting'), { timeout: 30_000 }).toBe('3')
        expect(await page.textContent('#left')).toBe('–')
        expect(await page.locator('#waiting tr').allTextContents()).toEqual(['predict1', 'train2'])
        expect(await page.locator('#bars rect').count()).toBe(10)
        expect(await seriousFindings(page)).toEqual([])
        expect(trouble).toEqual([])
        await redis.kill()
        await expect.poll(() => page.textContent('#trouble'), { timeout: 30_000 }).toMatch(/does not answer/)
        await redis.start()
        await expect.poll(() => page.isHidden('#trouble'), { timeout: 30_000 }).toBe(true)
      } finally {
        await browser.close()
      }
    },
    120_000,
  )
})
