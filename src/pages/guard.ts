/**
 * Who may ask a server of pages for something. A page on the internet can send requests to this machine from the
 * visitor's own browser, and can make a name of its own mean 127.0.0.1; other users of the machine can connect as well.
 * So a request needs the token that the terminal printed, must name this server as its host, and must not come from
 * another page.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

export interface Guarded {
  /** What is served, such as `review`: names its cookie. */
  readonly name: string
  /** The secret in the printed address. */
  readonly token: string
  /** The port as it was opened: cookies know no ports, so it is in the cookie's name. */
  readonly port: number
  /** The address that it listens on, as the user gave it. */
  readonly host: string
}

export interface Refusal {
  readonly status: 401 | 403 | 421
  readonly reason: string
}

export const cookieName = ({ name, port }: Guarded): string => `pieline_${name}_${port}`

const loopback: readonly string[] = ['127.0.0.1', 'localhost', '[::1]']
const everywhere: readonly string[] = ['0.0.0.0', '::']

/** Why the request is refused, or undefined; `address` is its path with the query. */
export function refusal(request: IncomingMessage, address: URL, guarded: Guarded): Refusal | undefined {
  const { host } = request.headers
  if (host === undefined || !isOwnHost(host, guarded)) {
    return { status: 421, reason: 'this server does not go by that name' }
  }
  if (!isOwnPage(request, host)) return { status: 403, reason: 'the request comes from another page' }
  if (!isEqual(tokenOf(request, address, guarded), guarded.token)) {
    return { status: 401, reason: 'open the address that the terminal shows' }
  }
  return undefined
}

function isOwnHost(header: string, { host, port }: Guarded): boolean {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(\d+))?$/i.exec(header)
  if (!match || Number(match[2] ?? 80) !== port) return false
  const name = match[1].toLowerCase()
  const address = name.replace(/^\[|\]$/g, '')
  if (loopback.includes(name) || address === host.toLowerCase()) return true
  // Whatever interface it came in by; a name that an attacker made point here is no plain address.
  return everywhere.includes(host) && isIP(address) !== 0
}

function isOwnPage({ method, headers }: IncomingMessage, host: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  // Browsers send the origin with everything that changes something.
  if (headers.origin === undefined) return method === 'GET' || method === 'HEAD'
  return headers.origin === `http://${host}`
}

function tokenOf({ headers }: IncomingMessage, address: URL, guarded: Guarded): string {
  // The address is for the first page alone: everything else shows the cookie that it left.
  if (address.pathname === '/' && address.searchParams.has('token')) return address.searchParams.get('token')!
  const name = cookieName(guarded)
  const cookies = (headers.cookie ?? '').split(';').map(pair => pair.trim())
  return cookies.find(pair => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''
}

/** Equal, in a time that tells nothing of where they differ. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
