/**
 * Pages and their data over HTTP, for whoever has the printed address. Everything that is served is a text of the program
 * or a cell of its data: no path that a browser sends ever names a file.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ConfigError, PielineError, RunError } from '../errors.js'
import { parts } from './document.js'
import { cookieName, type Guarded, refusal } from './guard.js'

/** Where a page is served. */
export interface ServerOptions {
  /** The address that it listens on, such as 127.0.0.1. */
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
}

/** A page that is being served. */
export interface PageServer {
  /** The address to open, with its token. */
  readonly address: string
  /** Ends it, with all connections. */
  close(): Promise<void>
}

/** An answer that is not as hoped. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

export interface Answer {
  readonly type: string
  readonly body: string | Uint8Array
  readonly cache?: string
}

export const json = (value: unknown): Answer => ({ type: 'application/json', body: JSON.stringify(value) })

/** What is served. */
export interface Site {
  /** Such as `review`. */
  readonly name: string
  /** The page with what belongs to it, all the same for as long as it is served. */
  readonly page: { readonly html: string; readonly script: string; readonly style: string }
  /** Answers what is not the page. @throws Refused where it has no answer, PielineError where there is something to tell */
  answer(request: IncomingMessage, address: URL): Promise<Answer>
}

/** Serves a site. @throws RunError if the port is taken or the host is none of this machine's */
export async function servePages(site: Site, { host, port }: ServerOptions): Promise<PageServer> {
  const server = createServer({ requestTimeout: 30_000 })
  await listen(server, host, port)
  const guarded: Guarded = {
    name: site.name,
    token: randomBytes(24).toString('base64url'),
    port: (server.address() as AddressInfo).port,
    host,
  }
  server.on('request', (request, response) => void respond(site, guarded, request, response))
  const shown = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host)
  return {
    address: `http://${shown}:${guarded.port}/?token=${guarded.token}`,
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause => {
      const { code } = cause as NodeJS.ErrnoException
      const taken = code === 'EADDRINUSE'
      reject(
        new RunError(taken ? `port ${port} is taken` : `cannot listen at ${host}:${port}: ${code}`, {
          key: taken ? '--port' : '--host',
          mend: taken ? 'Leave --port out for any that is free.' : 'Name an address of this machine.',
          cause,
        }),
      )
    })
    server.listen(port, host, resolve)
  })
}

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#1a63ad"/><path d="M4 8l3 3 5-6" fill="none" stroke="#fff" stroke-width="2"/></svg>'

/** What goes with every answer. */
const headers: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
}

async function respond(
  site: Site,
  guarded: Guarded,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  try {
    const address = addressOf(request)
    const refused = refusal(request, address, guarded)
    if (refused !== undefined) throw new Refused(refused.status, refused.reason)
    if (address.pathname === '/' && address.searchParams.has('token')) {
      // Out of the address, where it would be seen and remembered.
      response.setHeader(
        'Set-Cookie',
        `${cookieName(guarded)}=${guarded.token}; HttpOnly; SameSite=Strict; Path=/`,
      )
      response.writeHead(303, { Location: '/' }).end()
      return
    }
    const { type, body, cache } = await answerTo(site, request, address)
    response.setHeader('Content-Type', type)
    if (cache !== undefined) response.setHeader('Cache-Control', cache)
    response.end(request.method === 'HEAD' ? undefined : body)
  } catch (error) {
    refuse(response, error)
  }
}

function answerTo(site: Site, request: IncomingMessage, address: URL): Answer | Promise<Answer> {
  if (request.method === 'GET' || request.method === 'HEAD') {
    switch (address.pathname) {
      case '/':
        return { type: 'text/html; charset=utf-8', body: site.page.html }
      case parts.script:
        return { type: 'text/javascript; charset=utf-8', body: site.page.script }
      case parts.style:
        return { type: 'text/css; charset=utf-8', body: site.page.style }
      case parts.icon:
        return { type: 'image/svg+xml', body: icon }
    }
  }
  return site.answer(request, address)
}

/** The requested address; only its path and query are the client's. */
function addressOf({ url = '/' }: IncomingMessage): URL {
  if (!url.startsWith('/')) throw new Refused(400, 'the address makes no sense')
  try {
    return new URL(`http://server${url}`)
  } catch {
    throw new Refused(400, 'the address makes no sense')
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const status = error instanceof Refused ? error.status : error instanceof ConfigError ? 400 : 500
  const message =
    error instanceof PielineError ? error.describe() : error instanceof Refused ? error.message : 'it failed'
  if (status === 500) console.error(error instanceof PielineError ? error.describe() : error)
  response.setHeader('Content-Type', 'application/json')
  // What is left of a body that nobody reads must not be taken for the next request.
  if (status === 413) response.setHeader('Connection', 'close')
  response.writeHead(status).end(JSON.stringify({ error: message }))
}
