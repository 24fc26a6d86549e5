import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { addressText, connect, parseAddress } from '../../src/cluster/address.js'
import { ConfigError, type RunError } from '../../src/errors.js'
import { freePort } from '../free-port.js'
import { hasRedis, startRedis } from './redis.js'

const secret = 'a-word/nobody@knows'
const nothing = {}

test('takes user and password out of the address and does not tell them', () => {
  const address = parseAddress(`rediss://ann:${encodeURIComponent(secret)}@head:6380/2`, false, nothing)
  expect(address).toMatchObject({ username: 'ann', password: secret })
  expect(addressText(address)).toBe('rediss://head:6380/2')
  expect(JSON.stringify(address.url)).not.toContain('a-word')
})

test('refuses a password that the process list shows, without repeating it', () => {
  const parse = () => parseAddress('redis://:hidden@head', true, nothing)
  expect(parse).toThrow(ConfigError)
  expect(parse).toThrow(/everybody on this machine/)
  expect(parse).not.toThrow(/hidden/)
})

test('finds the password in the environment or in a file; the one in the address comes first', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pieline-address-'))
  try {
    const file = join(folder, 'password')
    await writeFile(file, 'from-file\n')
    expect(parseAddress('redis://head', true, { REDIS_PASSWORD: 'from-environment' }).password).toBe(
      'from-environment',
    )
    expect(parseAddress('redis://head', true, { REDIS_PASSWORD_FILE: file }).password).toBe('from-file')
    expect(parseAddress('redis://:own@head', false, { REDIS_PASSWORD: 'other' }).password).toBe('own')
    expect(() => parseAddress('redis://head', true, { REDIS_PASSWORD_FILE: join(folder, 'none') })).toThrow(
      'the file with the password of Redis cannot be read',
    )
  } finally {
    await rm(folder, { recursive: true })
  }
})

test.each(['head:6379', 'http://head', 'redis://', '', 'redis:///1', 'redis://head/db'])(
  'refuses %j as an address',
  text => {
    expect(() => parseAddress(text, false, nothing)).toThrow(ConfigError)
  },
)

test('says where no Redis answers', async () => {
  const port = await freePort()
  const address = parseAddress(`redis://:${encodeURIComponent(secret)}@127.0.0.1:${port}`, false, nothing)
  const error = (await connect(address).catch(error => error)) as RunError
  expect(error.describe()).toContain(
    `redis://127.0.0.1:${port}: Redis cannot be reached: connect ECONNREFUSED`,
  )
  expect(error.describe()).not.toContain('a-word')
})

const hasOpenssl = (() => {
  try {
    return execFileSync('openssl', ['version']).length > 0
  } catch {
    return false
  }
})()

test.skipIf(!hasRedis || !hasOpenssl)(
  'reaches a Redis over TLS that shows a known certificate',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pieline-tls-'))
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    await promisify(execFile)('openssl', [
      ...['req', '-x509', ...kind, ...subject],
      ...['-keyout', key, '-out', cert],
    ])
    const port = await freePort()
    const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no']
    const tls = ['--tls-port', String(port), ...files, '--requirepass', secret]
    const redis = await startRedis(folder, tls)
    try {
      const text = `rediss://localhost:${port}`
      const withPassword = { REDIS_PASSWORD: secret }
      const unknown = (await connect(parseAddress(text, true, withPassword)).catch(
        error => error,
      )) as RunError
      expect(unknown.describe()).toContain('Redis cannot be reached: self-signed certificate')

      // A process learns of an authority when it starts.
      const source = new URL('../../src/cluster/address.ts', import.meta.url).href
      const script = `
      import { connect, parseAddress } from ${JSON.stringify(source)}
      const answer = await connect(parseAddress('${text}', true)).then(async redis => {
        const pong = await redis.ping()
        redis.disconnect()
        return pong
      }, error => error.describe())
      console.log(answer)`
      const asked = async (password: string) => {
        const env = { ...process.env, NODE_EXTRA_CA_CERTS: cert, REDIS_PASSWORD: password }
        const args = ['--import', 'tsx', '--input-type=module', '-e', script]
        return (await promisify(execFile)(process.execPath, args, { env })).stdout
      }
      expect(await asked(secret)).toBe('PONG\n')
      const refused = await asked('not-the-word')
      expect(refused).toContain('WRONGPASS')
      expect(refused).not.toContain('not-the-word')
    } finally {
      await redis.kill()
      await rm(folder, { recursive: true })
    }
  },
  60_000,
)
