/** Where the Redis of a cluster is, and how to reach it without ever telling its password. */
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { ConfigError, RunError } from '../errors.js'

export interface ClusterAddress {
  readonly url: URL
  readonly username?: string
  readonly password?: string
}

/**
 * Reads an address, `redis://[user[:password]@]host[:port][/database]` or `rediss://…` over TLS. A password that it
 * does not have comes from `REDIS_PASSWORD`, or from the file that `REDIS_PASSWORD_FILE` names.
 *
 * @param isPublic whether others can read the text, as they can a command line; then it may hold no password
 * @throws ConfigError that does not repeat the text
 */
export function parseAddress(
  text: string,
  isPublic: boolean,
  environment: NodeJS.ProcessEnv = process.env,
): ClusterAddress {
  const key = '--cluster'
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') {
    throw new ConfigError('this is no address of a Redis', {
      key,
      mend: 'Write redis://host:6379, or rediss://host:6379 over TLS.',
    })
  }
  if (!/^\/?\d*$/.test(url.pathname)) {
    throw new ConfigError('the path of the address is no number of a database', { key })
  }
  if (isPublic && url.password !== '') {
    throw new ConfigError('a password on the command line can be read by everybody on this machine', {
      key,
      mend: 'Set REDIS_PASSWORD or REDIS_PASSWORD_FILE, or put the whole address into PIELINE_CLUSTER.',
    })
  }
  const username = decodeURIComponent(url.username)
  const password = decodeURIComponent(url.password) || passwordOf(environment)
  url.username = ''
  url.password = ''
  return { url, ...(username && { username }), ...(password && { password }) }
}

function passwordOf({ REDIS_PASSWORD, REDIS_PASSWORD_FILE }: NodeJS.ProcessEnv): string | undefined {
  if (REDIS_PASSWORD || !REDIS_PASSWORD_FILE) return REDIS_PASSWORD
  try {
    return readFileSync(REDIS_PASSWORD_FILE, 'utf8').trimEnd()
  } catch (cause) {
    throw new ConfigError('the file with the password of Redis cannot be read', {
      file: REDIS_PASSWORD_FILE,
      key: 'REDIS_PASSWORD_FILE',
      cause,
    })
  }
}

/** How the address is told to people: without user and password. */
export function addressText({ url }: ClusterAddress): string {
  return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`
}

/** Milliseconds after which a connection on which nothing comes back is given up and made anew. */
const deadAfter = 30_000
/** Milliseconds between two attempts to connect at most. */
const longestPause = 2_000

/**
 * A connection that is made anew whenever it breaks, for as long as it takes: commands wait for it.
 * @throws RunError if it cannot be made the first time
 */
export async function connect(address: ClusterAddress): Promise<Redis> {
  const { url, username, password } = address
  let isFirst = true
  const redis = new Redis({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    db: Number(url.pathname.slice(1)),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(url.protocol === 'rediss:' && { tls: {} }),
    // Commands wait for Redis to come back, however long that takes.
    maxRetriesPerRequest: null,
    socketTimeout: deadAfter,
    connectTimeout: 10_000,
    lazyConnect: true,
    retryStrategy: attempt => (isFirst ? null : Math.min(100 * 2 ** Math.min(attempt, 10), longestPause)),
  })
  let reason: unknown
  redis.on('error', error => {
    reason = error
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    redis.disconnect()
    const cause = reason ?? error
    throw new RunError(`Redis cannot be reached: ${reasonOf(cause)}`, {
      file: addressText(address),
      mend: 'Check the address, the password and that Redis runs there.',
    })
  }
  isFirst = false
  return redis
}

/** Says when Redis goes away and comes back. @returns a function that ends it */
export function tellOutages(redis: Redis, tell: (isAway: boolean) => void): () => void {
  let isAway = false
  const become = (state: boolean) => () => {
    if (isAway === state) return
    isAway = state
    tell(isAway)
  }
  const [away, back] = [become(true), become(false)]
  redis.on('close', away)
  redis.on('ready', back)
  return () => {
    redis.off('close', away)
    redis.off('ready', back)
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || (error as NodeJS.ErrnoException).code || error.name
}
