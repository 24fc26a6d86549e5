/** One attempt to deliver a message. */
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { ConfigError, RunError } from '../errors.js'
import type { NotificationConfig } from '../pipeline/config.js'
import type { Message } from './message.js'
import { readSecret } from './secret.js'

/** How long a webhook may take to answer. */
const answerMilliseconds = 10_000

type Webhook = Extract<NotificationConfig, { to: 'webhook' }>
type CommandHook = Extract<NotificationConfig, { to: 'command' }>

/**
 * Delivers a message, or throws why it was not: a {@link ConfigError} where a secret is missing, else a
 * {@link RunError}. Neither tells an address or a secret.
 */
export async function send(notification: NotificationConfig, message: Message): Promise<void> {
  if (notification.to === 'webhook') await post(notification, message)
  else await command(notification, message)
}

/** Makes sure that all secrets of a notification can be read. @throws ConfigError */
export async function requireSecrets(notification: NotificationConfig): Promise<void> {
  if (notification.to !== 'webhook') return
  const { url, secret } = notification
  if (typeof url !== 'string') await readSecret(url)
  if (secret) await readSecret(secret)
}

/**
 * `t=<seconds of the epoch>,v1=<hex>`: HMAC-SHA256 (RFC 2104) of the time, a dot and the body. The time is in it, so
 * that a delivery that somebody recorded cannot be played again later.
 */
export function signature(body: string, secret: string, seconds: number): string {
  const hash = createHmac('sha256', secret).update(`${seconds}.${body}`)
  return `t=${seconds},v1=${hash.digest('hex')}`
}

async function post({ url, secret }: Webhook, message: Message): Promise<void> {
  const address = typeof url === 'string' ? url : await readSecret(url)
  const body = JSON.stringify(message)
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'pieline-delivery': message.id,
  }
  if (secret) {
    headers['pieline-signature'] = signature(body, await readSecret(secret), Math.floor(Date.now() / 1000))
  }
  let response: Response
  try {
    const signal = AbortSignal.timeout(answerMilliseconds)
    // A redirect would take the signed body to somebody else.
    response = await fetch(address, { method: 'POST', headers, body, redirect: 'manual', signal })
    await response.body?.cancel()
  } catch (error) {
    throw new RunError(`the webhook was not reached: ${reasonOf(error)}`)
  }
  if (!response.ok) throw new RunError(`the webhook answered ${response.status}`)
}

/** The system's word for it: messages may hold the address. */
function reasonOf(error: unknown): string {
  const { name, cause } = error as Error & { cause?: NodeJS.ErrnoException }
  return cause?.code ?? name
}

async function command(
  { command: [program, ...args], seconds }: CommandHook,
  message: Message,
): Promise<void> {
  const child = spawn(program!, args, {
    stdio: ['pipe', 'ignore', 'ignore'],
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
  })
  // A program that does not read its input closes it early.
  child.stdin.on('error', () => {})
  child.stdin.end(`${JSON.stringify(message)}\n`)
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('close', (...end) => resolve(end))
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(new RunError(`"${program}" cannot be started: ${error.code}`)),
    )
  })
  if (code === 0) return
  throw new RunError(`"${program}" ended with ${signal ?? `exit code ${code}`}`)
}
