/**
 * A real server of S3 for tests, in a process of its own. `PIELINE_TEST_S3=http://host:port` takes another one, whose
 * credentials are in the environment as usual and which has the bucket `pieline-test`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { freePort } from '../free-port.js'

export const bucketName = 'pieline-test'

export interface S3Server {
  /** Where it is, as `s3://bucket/prefix?…`, each time with a prefix of its own. */
  address(): string
  readonly environment: Readonly<Record<string, string>>
  /** Ends it without a warning. */
  kill(): Promise<void>
  start(): Promise<void>
}

/** @param folder that the server keeps its objects in */
export async function startS3(folder: string): Promise<S3Server> {
  const other = process.env.PIELINE_TEST_S3
  const endpoint = other ?? `http://127.0.0.1:${await freePort()}`
  let prefixes = 0
  const address = () => `s3://${bucketName}/test/${Date.now()}-${prefixes++}?endpoint=${endpoint}`
  if (other !== undefined) {
    const { AWS_ACCESS_KEY_ID = 'test', AWS_SECRET_ACCESS_KEY = 'test' } = process.env
    const nothing = async () => {}
    return {
      address,
      environment: { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY },
      kill: nothing,
      start: nothing,
    }
  }
  const script = createRequire(import.meta.url).resolve('s3rver/bin/s3rver.js')
  const { hostname, port } = new URL(endpoint)
  const args = [script, '-d', folder, '-a', hostname, '-p', port, '--configure-bucket', bucketName]
  const begin = async () => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout })
    await once(lines, 'line')
    lines.on('line', () => {})
    return child
  }
  let server = await begin()
  return {
    address,
    // The server knows nobody else.
    environment: { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' },
    async start() {
      server = await begin()
    },
    async kill() {
      const gone = once(server, 'exit')
      server.kill('SIGKILL')
      await gone
    },
  }
}
