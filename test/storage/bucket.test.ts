/** Against a real server of S3, and against a line to it that fails. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError, UnavailableError } from '../../src/errors.js'
import { parseStorageAddress } from '../../src/storage/address.js'
import { openBucket } from '../../src/storage/bucket.js'
import { type S3Server, startS3 } from './s3-server.js'

let folder: string
let server: S3Server
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-bucket-'))
  server = await startS3(join(folder, 's3'))
}, 60_000)
afterAll(async () => {
  await server.kill()
  await rm(folder, { recursive: true })
})

const megabyte = 1 << 20
const opened = (text = server.address()) =>
  openBucket(parseStorageAddress(text, server.environment), { partBytes: 5 * megabyte, firstPause: 1 })

describe('a bucket', () => {
  it('gives back what was put, and tells what is not there', async () => {
    const bucket = opened()
    expect(await bucket.get('a/b.json')).toBeUndefined()
    expect(await bucket.put('a/b.json', Buffer.from('ä{}'))).toBe(true)
    expect((await bucket.get('a/b.json'))?.toString()).toBe('ä{}')
    expect(await bucket.has('a/b.json', 4)).toBe(true)
    expect(await bucket.has('a/b.json', 5)).toBe(false)
    expect(await bucket.has('a', 4)).toBe(false)
    expect(await bucket.download('a/c', join(folder, 'none'), 4)).toBe(false)
  })

  it.each([0, 1, 5 * megabyte, 5 * megabyte + 1, 11 * megabyte])(
    'sends and fetches a file of %d bytes',
    async bytes => {
      const [file, copy] = [join(folder, `${bytes}`), join(folder, `${bytes}.copy`)]
      const content = randomBytes(bytes)
      await writeFile(file, content)
      const bucket = opened()
      await bucket.upload('file with space+ünd&', file, bytes)
      expect(await bucket.download('file with space+ünd&', copy, bytes)).toBe(true)
      expect(content.equals(await readFile(copy))).toBe(true)
      // Servers differ in what they answer when asked for what is past the end.
      if (bytes === 0 || process.env.PIELINE_TEST_S3 !== undefined) return
      expect(await bucket.download('file with space+ünd&', `${copy}.long`, bytes + 1)).toBe(false)
    },
  )

  it('says which bucket there is not, and whom it does not know', async () => {
    const refused = async (text: string, environment: NodeJS.ProcessEnv) =>
      openBucket(parseStorageAddress(text, environment), { firstPause: 1 })
        .put('x', Buffer.from('x'))
        .catch(error => error)
    const elsewhere = await refused(
      server.address().replace('s3://pieline-test', 's3://pieline-none'),
      server.environment,
    )
    expect(elsewhere).toBeInstanceOf(ConfigError)
    expect(elsewhere.describe()).toContain('NoSuchBucket')
    const stranger = { AWS_ACCESS_KEY_ID: 'somebody', AWS_SECRET_ACCESS_KEY: 'nobody-knows-it' }
    const unknown = await refused(server.address(), stranger)
    expect(unknown).toBeInstanceOf(ConfigError)
    expect(unknown.describe()).toContain('InvalidAccessKeyId')
    expect(`${unknown.describe()}${unknown.stack}`).not.toContain('nobody-knows-it')
  })
})

/** Stands between client and server and spoils answers. */
async function startLine(spoil: (request: IncomingMessage, response: ServerResponse) => boolean) {
  const target = new URL(new URL(server.address()).searchParams.get('endpoint')!)
  const line: Server = createServer(async (request, response) => {
    const body: Buffer[] = []
    for await (const chunk of request) body.push(chunk as Buffer)
    if (spoil(request, response)) return
    const { request: ask } = await import('node:http')
    const asked = ask(
      {
        host: target.hostname,
        port: target.port,
        method: request.method,
        path: request.url,
        headers: request.headers,
      },
      answer => {
        response.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(response)
      },
    )
    asked.end(Buffer.concat(body))
  })
  line.listen(0, '127.0.0.1')
  await once(line, 'listening')
  const { port } = line.address() as AddressInfo
  return {
    address: server.address().replace(target.host, `127.0.0.1:${port}`),
    close: () => line.close(),
  }
}

describe('a line that fails', () => {
  it('is tried again until all is there, part by part', async () => {
    const seen = new Map<string, number>()
    const line = await startLine((request, response) => {
      const name = `${request.method} ${request.url}`
      const turn = (seen.get(name) ?? 0) + 1
      seen.set(name, turn)
      if (turn === 1) request.socket.destroy()
      else if (turn === 2) response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>')
      else if (turn === 3 && request.method === 'POST' && request.url!.includes('uploadId')) {
        response.writeHead(200).end('<?xml version="1.0"?><Error><Code>InternalError</Code></Error>')
      } else return false
      return true
    })
    try {
      const [file, copy] = [join(folder, 'spoilt'), join(folder, 'spoilt.copy')]
      const content = randomBytes(6 * megabyte)
      await writeFile(file, content)
      const bucket = opened(line.address)
      await bucket.upload('spoilt', file, content.length)
      expect(await bucket.download('spoilt', copy, content.length)).toBe(true)
      expect(content.equals(await readFile(copy))).toBe(true)
    } finally {
      line.close()
    }
  })

  it('ends in an error that says who does not answer', async () => {
    const line = await startLine((request, _) => {
      request.socket.destroy()
      return true
    })
    try {
      const error = await opened(line.address)
        .get('x')
        .catch(error => error)
      expect(error).toBeInstanceOf(UnavailableError)
      expect(error.describe()).toMatch(
        /^s3:\/\/pieline-test\/test\/.* at 127\.0\.0\.1:\d+: the object storage cannot/,
      )
    } finally {
      line.close()
    }
  })
})
