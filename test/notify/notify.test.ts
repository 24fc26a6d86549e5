import { createHmac } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { messageOf } from '../../src/notify/message.js'
import { type Attempt, Outbox } from '../../src/notify/outbox.js'
import { requireSecrets, send } from '../../src/notify/send.js'
import type { NotificationConfig } from '../../src/pipeline/config.js'

const message = messageOf({ event: 'gate', pipeline: 'p', run: 'r', summary: 'It’s "so"; $(touch x) `y`' })
const key = 'a secret that is told nowhere'

let folder: string
let server: Server
let heard: { request: IncomingMessage; body: string }[]
let answers: number[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-notify-'))
  heard = []
  answers = []
  server = createServer(async (request, response) => {
    heard.push({ request, body: await text(request) })
    const status = answers.shift() ?? 204
    response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end('thank you')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  server.close()
  server.closeAllConnections()
  await rm(folder, { recursive: true, force: true })
})

const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=${key}`
const webhook = (more: object = {}): NotificationConfig => ({
  to: 'webhook',
  url: address(),
  on: ['gate'],
  ...more,
})
const command = (...words: string[]): NotificationConfig => ({
  to: 'command',
  command: words,
  seconds: 20,
  on: ['gate'],
})

describe('a webhook', () => {
  test('gets the message signed', async () => {
    vi.stubEnv('PIELINE_TEST_SECRET', key)
    await send(webhook({ secret: { env: 'PIELINE_TEST_SECRET' } }), message)
    const [{ request, body }] = heard
    expect(request).toMatchObject({ method: 'POST', url: expect.stringContaining('/hook?token=') })
    expect(request.headers['content-type']).toBe('application/json')
    expect(request.headers['pieline-delivery']).toBe(message.id)
    expect(JSON.parse(body)).toEqual(message)
    const [, seconds, hash] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(`${request.headers['pieline-signature']}`)!
    expect(hash).toBe(createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex'))
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(600)
  })

  test('takes address and key from files, and no redirect', async () => {
    await writeFile(join(folder, 'url'), `${address()}\n`)
    await writeFile(join(folder, 'key'), `${key}\n`)
    const hook = webhook({ url: { file: join(folder, 'url') }, secret: { file: join(folder, 'key') } })
    answers = [302]
    await expect(send(hook, message)).rejects.toThrow('the webhook answered 302')
    expect(heard).toHaveLength(1)
    expect(heard[0].request.headers['pieline-signature']).toMatch(/^t=/)
  })

  test('that fails is told without its address', async () => {
    answers = [503]
    await expect(send(webhook(), message)).rejects.toThrow(/^the webhook answered 503$/)
    const closed = webhook({ url: `http://127.0.0.1:1/${encodeURIComponent(key)}` })
    await expect(send(closed, message)).rejects.toThrow(/^the webhook was not reached: [A-Za-z ]+$/)
    vi.stubEnv('PIELINE_TEST_URL', `not an address ${key}`)
    const odd = send(webhook({ url: { env: 'PIELINE_TEST_URL' } }), message)
    await expect(odd).rejects.toThrow(/^the webhook was not reached: ERR_INVALID_URL$/)
  })

  test('whose secret is missing is known before it is needed', async () => {
    const hook = webhook({ secret: { env: 'PIELINE_NO_SUCH_SECRET' } })
    await expect(requireSecrets(hook)).rejects.toThrow('PIELINE_NO_SUCH_SECRET is not set')
    await writeFile(join(folder, 'empty'), ' \n')
    const empty = webhook({ url: { file: join(folder, 'empty') } })
    await expect(requireSecrets(empty)).rejects.toThrow('there is no secret in it')
  })
})

describe('a command', () => {
  const node = process.execPath

  test('reads the message from its input, and no shell reads its arguments', async () => {
    const script = 'process.stdin.pipe(require("fs").createWriteStream(process.argv[1]))'
    await send(command(node, '-e', script, join(folder, '$(touch injected) out')), message)
    const written = await readFile(join(folder, '$(touch injected) out'), 'utf8')
    expect(JSON.parse(written)).toEqual(message)
    expect(existsSync('injected')).toBe(false)
  })

  test('that fails, hangs or is not there is told', async () => {
    await expect(send(command(node, '-e', 'process.exit(3)'), message)).rejects.toThrow(
      'ended with exit code 3',
    )
    await expect(send(command(join(folder, 'none')), message)).rejects.toThrow('cannot be started: ENOENT')
    const hanging = { ...command(node, '-e', 'setInterval(() => {}, 1000)'), seconds: 0.2 }
    await expect(send(hanging as NotificationConfig, message)).rejects.toThrow('ended with SIGKILL')
  })
})

describe('the outbox', () => {
  let now: number
  const open = () => new Outbox(join(folder, 'outbox'), () => now)
  const outcomes = (attempts: readonly Attempt[]) => attempts.map(({ outcome }) => outcome)
  beforeEach(() => {
    now = Date.parse('2026-01-01T00:00:00Z')
  })

  test('keeps a message until a webhook that fails first has taken it, over restarts too', async () => {
    answers = [500, 429]
    await open().put(webhook(), message)
    expect(outcomes(await open().deliver(send))).toEqual(['later'])
    expect(outcomes(await open().deliver(send))).toEqual([])
    now += 5_000
    expect(outcomes(await open().deliver(send))).toEqual(['later'])
    now += 9_999
    expect(outcomes(await open().deliver(send))).toEqual([])
    now += 1
    expect(await open().deliver(send)).toMatchObject([{ outcome: 'delivered', to: 'webhook' }])
    expect(await open().count()).toBe(0)
    expect(heard.map(({ request }) => request.headers['pieline-delivery'])).toEqual(Array(3).fill(message.id))
  })

  test('lets one receiver that fails stand in no other’s way', async () => {
    const outbox = open()
    answers = [500]
    await outbox.put(webhook(), message)
    await outbox.put(command(process.execPath, '-e', ''), message)
    expect(outcomes(await outbox.deliver(send)).sort()).toEqual(['delivered', 'later'])
    expect(await outbox.count()).toBe(1)
  })

  test('waits ever longer, an hour at most, and lays a message aside after a week', async () => {
    const outbox = open()
    await outbox.put(webhook(), message)
    const refuse = () => Promise.reject(new Error('no'))
    expect(outcomes(await outbox.deliver(refuse))).toEqual(['later'])
    for (const seconds of [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]) {
      now += seconds * 1000 - 1
      expect(outcomes(await outbox.deliver(refuse))).toEqual([])
      now += 1
      expect(outcomes(await outbox.deliver(refuse))).toEqual(['later'])
    }
    now += 7 * 86_400_000
    expect(outcomes(await outbox.deliver(refuse))).toEqual(['dead'])
    expect(await readdir(join(folder, 'outbox'))).toEqual(['dead'])
    expect(await readdir(join(folder, 'outbox', 'dead'))).toHaveLength(1)
  })

  test('does not wait for a clock that was put back', async () => {
    const outbox = open()
    answers = [500]
    await outbox.put(webhook(), message)
    await outbox.deliver(send)
    now -= 30 * 86_400_000
    expect(outcomes(await outbox.deliver(send))).toEqual(['delivered'])
  })

  test('holds no secret, and lays aside what is damaged', async () => {
    vi.stubEnv('PIELINE_TEST_SECRET', key)
    const outbox = open()
    const hook = webhook({ url: { env: 'PIELINE_TEST_SECRET' }, secret: { env: 'PIELINE_TEST_SECRET' } })
    await outbox.put(hook, message)
    const [name] = await readdir(join(folder, 'outbox'))
    expect(await readFile(join(folder, 'outbox', name), 'utf8')).not.toContain(key)
    await writeFile(join(folder, 'outbox', name), '{"half')
    expect(await outbox.deliver(send)).toEqual([])
    expect(await readdir(join(folder, 'outbox', 'dead'))).toEqual([name])
  })
})
