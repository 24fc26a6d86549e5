/** A real Redis for tests: a server of its own, on a free port, in a folder of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { freePort } from '../free-port.js'

/** Whether there is a redis-server; `.ci/run` installs it and sets PIELINE_REQUIRE_REDIS, so that nothing is skipped there. */
export const hasRedis =
  process.env.PIELINE_REQUIRE_REDIS !== undefined ||
  spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0

export interface RedisServer {
  readonly port: number
  /** Ends it without a warning. */
  kill(): Promise<void>
  start(): Promise<void>
}

/** @param settings further arguments of redis-server */
export async function startRedis(folder: string, settings: readonly string[] = []): Promise<RedisServer> {
  const port = await freePort()
  let server: ChildProcess
  const start = async () => {
    const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
    server = spawn('redis-server', [...place, '--save', '', ...settings], { stdio: 'ignore' })
    await once(server, 'spawn')
    const probe = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: null })
    probe.on('error', () => {})
    // Whoever refuses us for want of a password is there too.
    await probe.ping().catch(() => {})
    probe.disconnect()
  }
  await start()
  return {
    port,
    start,
    async kill() {
      const gone = once(server, 'exit')
      server.kill('SIGKILL')
      await gone
    },
  }
}
