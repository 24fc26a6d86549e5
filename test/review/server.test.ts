import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openReview, type Review } from '../../src/review/review.js'
import { mostBodyBytes, type ReviewServer, serveReview } from '../../src/review/server.js'
import { type FixtureRun, writeRun } from './run-fixture.js'

const script = '<script>alert(1)</script>'
const svg = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">${script}</svg>`)

let folder: string
let run: FixtureRun
let review: Review
let server: ReviewServer
let port: number
let cookie: string
/** Rows in examples.parquet whose image is odd. */
const svgRow = 3
const textRow = 4
const tiffRow = 5

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-server-'))
  const tiff = await sharp({ create: { width: 5, height: 4, channels: 3, background: 'red' } })
    .tiff()
    .toBuffer()
  const odd = new Map([
    [svgRow, svg],
    [textRow, Buffer.from(`<!doctype html>${script}`)],
    [tiffRow, tiff],
  ])
  run = await writeRun(folder, {
    suspects: 40,
    classNames: [script, '"><img src=x onerror=alert(1)>', ...'CDEFGHIJ'],
    id: row => `../../etc/passwd${script}${row}`,
    image: row => odd.get(row),
  })
  review = await openReview(run, 'anna')
  server = await serveReview(review, { host: '127.0.0.1', port: 0 })
  const { searchParams, port: opened } = new URL(server.address)
  port = Number(opened)
  const first = await ask('GET', `/?token=${searchParams.get('token')}`, { headers: { cookie: '' } })
  cookie = first.headers['set-cookie']![0]!
  expect(first).toMatchObject({ status: 303, headers: { location: '/' } })
})
afterAll(async () => {
  await server.close()
  await review.close()
  await rm(folder, { recursive: true })
})

interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Asks as the page would, but for what is given. The path goes out as it is, dots and all. */
function ask(
  method: string,
  path: string,
  { headers = {}, body }: { headers?: OutgoingHttpHeaders; body?: string | Buffer } = {},
): Promise<Reply> {
  const own = {
    host: `127.0.0.1:${port}`,
    cookie: cookie?.split(';')[0],
    ...(method === 'POST' && { origin: `http://127.0.0.1:${port}`, 'content-type': 'application/json' }),
  }
  return new Promise((resolve, reject) => {
    const sent = request(
      { port, host: '127.0.0.1', method, path, headers: { ...own, ...headers } },
      reply => {
        text(reply).then(body => resolve({ status: reply.statusCode!, headers: reply.headers, body }), reject)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

const decide = (options: Parameters<typeof ask>[2] = {}) =>
  ask('POST', '/api/decide', { body: JSON.stringify({ rows: [0], action: 'keep' }), ...options })
const saved = async () => (await readFile(review.decisionsPath, 'utf8')).trim().split('\n').filter(Boolean)

test('the page, its script, its style, the queue and a picture are there for who has the token', async () => {
  expect((await ask('GET', '/')).body).toContain('<title>glyphs: pieline review</title>')
  expect((await ask('GET', '/page.js')).headers['content-type']).toContain('text/javascript')
  expect((await ask('GET', '/page.css')).headers['content-type']).toContain('text/css')
  const { body } = await ask('GET', '/api/queue?limit=3')
  expect(JSON.parse(body)).toMatchObject({ total: 40, rows: [{ row: 0 }, { row: 1 }, { row: 2 }] })
  const picture = await ask('GET', '/pictures/0')
  expect(picture.headers['content-type']).toBe('image/png')
})

test('a decision is in the file before the answer comes', async () => {
  const { status, body } = await decide({ body: JSON.stringify({ rows: [7], action: 'unsure', note: 'hm' }) })
  expect(status).toBe(200)
  expect(JSON.parse(body)).toMatchObject({ changed: [{ row: 7, standing: { decision: { note: 'hm' } } }] })
  expect(JSON.parse((await saved()).at(-1)!)).toMatchObject({
    example_id: run.ids[7],
    reviewer: 'anna',
    action: 'unsure',
  })
})

describe('nothing is given', () => {
  const paths = ['/', '/page.js', '/api/run', '/api/queue', '/api/suspects/0', '/pictures/0', '/nowhere']

  test.each(paths)('without the token: %s', async path => {
    for (const cookie of [
      '',
      'pieline_review=x',
      `pieline_review_${port}=`,
      `pieline_review_${port}=guess`,
    ]) {
      const { status, body } = await ask('GET', path, { headers: { cookie } })
      expect(status).toBe(401)
      expect(body).not.toContain('glyph')
    }
    expect((await ask('GET', `${path}?token=guess`, { headers: { cookie: '' } })).status).toBe(401)
  })

  test('for a decision without the token', async () => {
    const before = await saved()
    expect((await decide({ headers: { cookie: '' } })).status).toBe(401)
    const token = new URL(server.address).searchParams.get('token')
    const body = JSON.stringify({ rows: [0], action: 'keep' })
    expect((await ask('POST', `/api/decide?token=${token}`, { headers: { cookie: '' }, body })).status).toBe(
      401,
    )
    expect(await saved()).toEqual(before)
  })

  test.each([
    'evil.example',
    'evil.example:80',
    '127.0.0.1',
    '127.0.0.1:1',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    'localhost:80@evil.example',
  ])('under the name %s', async name => {
    const host = name.includes(':') || name === '127.0.0.1' ? name : `${name}:${port}`
    expect((await ask('GET', '/api/queue', { headers: { host } })).status).toBe(421)
  })

  test('to another page, nor taken from it', async () => {
    const before = await saved()
    const foreign = [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: `https://127.0.0.1:${port}` },
      { origin: `http://127.0.0.1:${port + 1}` },
      { origin: `http://localhost:${port}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]
    for (const headers of foreign) {
      expect((await decide({ headers })).status).toBe(403)
      expect((await ask('GET', '/pictures/0', { headers })).status).toBe(403)
    }
    expect(await saved()).toEqual(before)
  })

  test('for a decision that does not say where it comes from', async () => {
    const before = await saved()
    const headers = {
      host: `127.0.0.1:${port}`,
      cookie: cookie.split(';')[0],
      'content-type': 'application/json',
    }
    const status = await new Promise((resolve, reject) => {
      request({ port, host: '127.0.0.1', method: 'POST', path: '/api/decide', headers }, reply => {
        reply.resume()
        resolve(reply.statusCode)
      })
        .on('error', reject)
        .end('{"rows":[0],"action":"keep"}')
    })
    expect(status).toBe(403)
    expect(await saved()).toEqual(before)
  })
})

test.each([
  '/../../../../etc/passwd',
  '/pictures/../../../../../etc/passwd',
  '/pictures/..%2f..%2f..%2fetc%2fpasswd',
  '/pictures/%2e%2e/%2e%2e/etc/passwd',
  '/pictures/0/../../decisions.jsonl',
  '/pictures/examples.parquet',
  '/pictures//etc/passwd',
  '/pictures/0%00.png',
  '/pictures/-1',
  '/pictures/1e9',
  '/pictures/0x1',
  '/pictures/999999999999',
  '/pictures/90',
  '/pictures/1;DROP TABLE examples',
  '/api/suspects/40',
  '/api/suspects/..',
  '/manifest.json',
  '/decisions.jsonl',
  '//etc/passwd',
  '/page.ts',
])('no path reaches a file or another row: %s', async path => {
  const { status, body } = await ask('GET', encodeURI(path).replaceAll('%25', '%'))
  expect(status).toBe(404)
  expect(body).not.toContain('root:')
})

test('an address that is none is refused', async () => {
  for (const line of [
    'GET http://evil.example/ HTTP/1.1',
    'GET * HTTP/1.1',
    'CONNECT evil.example:80 HTTP/1.1',
  ]) {
    const socket = connect(port, '127.0.0.1')
    const answer = text(socket)
    socket.end(`${line}\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`)
    expect(await answer).toMatch(/^(HTTP\/1\.1 400|$)/)
  }
})

test('bodies are short, JSON and of the right shape', async () => {
  const before = await saved()
  const long = JSON.stringify({ rows: [0], action: 'keep', note: 'x'.repeat(mostBodyBytes) })
  expect((await decide({ body: long })).status).toBe(413)
  // Without saying how long it is.
  expect((await decide({ body: long, headers: { 'transfer-encoding': 'chunked' } })).status).toBe(413)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', '']) {
    expect((await decide({ headers: { 'content-type': type } })).status).toBe(415)
  }
  const wrong = [
    '{',
    'null',
    '[]',
    '{"rows":[0]}',
    '{"rows":[],"action":"keep"}',
    '{"rows":[40],"action":"keep"}',
    '{"rows":[-1],"action":"keep"}',
    '{"rows":["0"],"action":"keep"}',
    '{"rows":[0],"action":"burn"}',
    '{"rows":[0],"action":"relabel"}',
    '{"rows":[0],"action":"relabel","label":10}',
    '{"rows":[0],"action":"relabel","label":"script"}',
    '{"rows":[0],"action":"keep","reviewer":"ben"}',
    '{"rows":[0],"action":"keep","__proto__":{"note":"x"},"constructor":1}',
  ]
  for (const body of wrong) expect([body, (await decide({ body })).status]).toEqual([body, 400])
  expect(await saved()).toEqual(before)
})

test('queries are of the right shape', async () => {
  for (const query of [
    'limit=1000',
    'limit=-1',
    'from=x',
    'state=none',
    'given=1%20OR%201',
    'file=/etc/passwd',
  ]) {
    expect((await ask('GET', `/api/queue?${query}`)).status).toBe(400)
  }
})

test('other methods are refused', async () => {
  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
    expect(
      (await ask(method, '/api/decide', { headers: { origin: `http://127.0.0.1:${port}` } })).status,
    ).toBe(405)
  }
})

test('pictures are pictures: no document and no script is ever served as one', async () => {
  for (const row of [svgRow, textRow]) {
    const { status, headers, body } = await ask('GET', `/pictures/${row}`)
    expect([status, headers['content-type']]).toEqual([415, 'application/json'])
    expect(body).not.toContain('script')
  }
  // Not every browser knows TIFF.
  expect((await ask('GET', `/pictures/${tiffRow}`)).headers['content-type']).toBe('image/png')
})

test('every answer forbids what a page could be tricked into', async () => {
  for (const path of ['/', '/page.js', '/pictures/0', '/api/queue', '/nowhere']) {
    const { headers } = await ask('GET', path)
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'")
    expect(headers['content-security-policy']).not.toContain('unsafe')
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    })
    expect(headers['access-control-allow-origin']).toBeUndefined()
  }
  expect(cookie).toContain('HttpOnly')
  expect(cookie).toContain('SameSite=Strict')
})

test('names with scripts stay out of the page and come as JSON', async () => {
  expect((await ask('GET', '/')).body).not.toContain(script)
  const { headers, body } = await ask('GET', '/api/run')
  expect(headers['content-type']).toBe('application/json')
  expect(JSON.parse(body).classNames[0]).toBe(script)
})

test('the token is another each time, and long', async () => {
  const other = await serveReview(review, { host: '127.0.0.1', port: 0 })
  const tokens = [server, other].map(({ address }) => new URL(address).searchParams.get('token')!)
  expect(tokens[0]).not.toBe(tokens[1])
  for (const token of tokens) expect(Buffer.from(token, 'base64url')).toHaveLength(24)
  await other.close()
})

test('a port that is taken is named', async () => {
  await expect(serveReview(review, { host: '127.0.0.1', port })).rejects.toMatchObject({
    message: `port ${port} is taken`,
    key: '--port',
  })
})

test('on all interfaces, plain addresses are let in, names are not', async () => {
  const open = await serveReview(review, { host: '0.0.0.0', port: 0 })
  const { port: own, searchParams } = new URL(open.address)
  const statusFor = async (host: string) => {
    const reply = await new Promise<Reply>((resolve, reject) => {
      const path = `/?token=${searchParams.get('token')}`
      request({ port: own, host: '127.0.0.1', path, headers: { host: `${host}:${own}` } }, reply => {
        reply.resume()
        resolve({ status: reply.statusCode!, headers: reply.headers, body: '' })
      })
        .on('error', reject)
        .end()
    })
    return reply.status
  }
  expect(await statusFor('192.168.1.7')).toBe(303)
  expect(await statusFor('evil.example')).toBe(421)
  await open.close()
})
