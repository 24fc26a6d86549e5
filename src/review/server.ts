/**
 * The review's page and its data over HTTP. Everything that is served is a table's cell or a text of the program: no
 * path that a browser sends ever names a file.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { z } from 'zod'
import { ConfigError, PielineError, RunError } from '../errors.js'
import { clientScript } from '../report/client-script.js'
import { cookieName, type Guarded, refusal } from './guard.js'
import {
  type DetailAnswer,
  decideBody,
  type QueueAnswer,
  queueQuery,
  type RunAnswer,
  type SavedAnswer,
  undoBody,
} from './messages.js'
import { reviewPage } from './page.js'
import { browserPicture } from './picture.js'
import { PictureCache } from './picture-cache.js'
import { confusionPairs } from './queue.js'
import type { Review } from './review.js'
import { reviewStyle } from './style-sheet.js'

/** Bytes of a request's body at most. */
export const mostBodyBytes = 1 << 20
/** Bytes of pictures that are kept in memory. */
const pictureBytes = 128 << 20
/** Pictures up to this side are enlarged pixel by pixel instead of blurred. */
const pixelatedSide = 64
/** Pairs of classes that the page offers, and features that it shows. */
const mostPairs = 200
const mostFeatures = 64

/** Where the page is served. */
export interface ServerOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
}

/** A page that is being served. */
export interface ReviewServer {
  /** The address to open, with its token. */
  readonly address: string
  /** Ends it. */
  close(): Promise<void>
}

/** Serves a review. @throws RunError if the port is taken or the host is none of this machine's */
export async function serveReview(review: Review, { host, port }: ServerOptions): Promise<ReviewServer> {
  const server = createServer({ requestTimeout: 30_000 })
  await listen(server, host, port)
  const guarded: Guarded = {
    token: randomBytes(24).toString('base64url'),
    port: (server.address() as AddressInfo).port,
    host,
  }
  const answer = await answerer(review, guarded)
  server.on('request', (request, response) => void answer(request, response))
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

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#1a63ad"/><path d="M4 8l3 3 5-6" fill="none" stroke="#fff" stroke-width="2"/></svg>'

/** An answer that is not as hoped. */
class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

interface Answer {
  readonly type: string
  readonly body: string | Uint8Array
  readonly cache?: string
}

const json = (value: unknown): Answer => ({ type: 'application/json', body: JSON.stringify(value) })

/** What answers requests to the guarded server. */
async function answerer(
  review: Review,
  guarded: Guarded,
): Promise<(request: IncomingMessage, response: ServerResponse) => Promise<void>> {
  const { tables } = review
  const { suspects, info } = tables
  const examples = info.trainExamples + info.testExamples
  const pictures = new PictureCache(rows => tables.images(rows), pictureBytes)
  const script = await clientScript(new URL('./client/review-page.js', import.meta.url))
  const page = reviewPage(review.run.manifest.pipeline)
  const constant = runAnswer(review)

  const rowIn = (text: string, count: number): number => {
    const row = Number(text)
    if (!/^\d{1,9}$/.test(text) || row >= count) throw new Refused(404, 'there is nothing here')
    return row
  }
  const known = (rows: readonly number[]): readonly number[] => {
    if (rows.every(row => row < suspects.length)) return rows
    throw new Refused(400, 'there is no such suspect')
  }
  const saved = (rows: readonly number[]): Answer =>
    json({
      changed: rows.map(row => ({ row, standing: review.standing(row) ?? null })),
      progress: review.progress(),
    } satisfies SavedAnswer)

  async function get({ pathname, searchParams }: URL): Promise<Answer> {
    const [, room, name, ...rest] = pathname.split('/')
    if (rest.length === 0) {
      if (pathname === '/') return { type: 'text/html; charset=utf-8', body: page }
      if (pathname === '/page.js') return { type: 'text/javascript; charset=utf-8', body: script }
      if (pathname === '/icon.svg') return { type: 'image/svg+xml', body: icon }
      if (pathname === '/page.css') return { type: 'text/css; charset=utf-8', body: reviewStyle }
      if (room === 'pictures' && name !== undefined) return picture(rowIn(name, examples))
    }
    await review.refresh()
    switch (pathname) {
      case '/api/run':
        return json({ ...constant, progress: review.progress() } satisfies RunAnswer)
      case '/api/queue':
        return json(queue(checked(queueQuery, Object.fromEntries(searchParams))))
      case '/api/rows': {
        const { state, from, limit, ...filter } = checked(queueQuery, Object.fromEntries(searchParams))
        return json(review.page(filter, state, 0, suspects.length).rows)
      }
    }
    const detailed = /^\/api\/suspects\/(\d+)$/.exec(pathname)
    if (detailed) return json(await details(rowIn(detailed[1], suspects.length)))
    throw new Refused(404, 'there is nothing here')
  }

  function queue({ state, from, limit, ...filter }: z.output<typeof queueQuery>): QueueAnswer {
    const { total, places, rows } = review.page(filter, state, from, limit)
    return {
      total,
      rows: rows.map((row, i) => ({
        ...suspects[row],
        row,
        place: places[i],
        standing: review.standing(row) ?? null,
      })),
    }
  }

  async function details(row: number): Promise<DetailAnswer> {
    return {
      neighbors: await tables.neighbors(row),
      history: review.history(row),
      features:
        info.input.kind === 'image'
          ? []
          : (await tables.features(suspects[row].exampleRow)).slice(0, mostFeatures),
    }
  }

  async function picture(row: number): Promise<Answer> {
    if (info.input.kind !== 'image') throw new Refused(404, 'there is nothing here')
    const bytes = await pictures.get(row)
    const shown = bytes === undefined ? undefined : await browserPicture(bytes)
    if (shown === undefined) throw new Refused(415, 'this is no image that can be shown')
    // A run's tables never change.
    return { type: shown.type, body: shown.bytes, cache: 'private, max-age=86400, immutable' }
  }

  async function post(request: IncomingMessage, { pathname }: URL): Promise<Answer> {
    if (pathname !== '/api/decide' && pathname !== '/api/undo')
      throw new Refused(404, 'there is nothing here')
    const body = await readJson(request)
    if (pathname === '/api/undo') return saved(await review.undo(known(checked(undoBody, body).rows)))
    const { rows, ...ruling } = checked(decideBody, body)
    await review.decide(known(rows).map(row => [row, ruling]))
    return saved(rows)
  }

  async function answerOf(request: IncomingMessage, address: URL): Promise<Answer> {
    switch (request.method) {
      case 'GET':
      case 'HEAD':
        return get(address)
      case 'POST':
        return post(request, address)
      default:
        throw new Refused(405, 'only GET and POST are understood')
    }
  }

  return async (request, response) => {
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
      const { type, body, cache } = await answerOf(request, address)
      response.setHeader('Content-Type', type)
      if (cache !== undefined) response.setHeader('Cache-Control', cache)
      response.end(request.method === 'HEAD' ? undefined : body)
    } catch (error) {
      refuse(response, error)
    }
  }
}

/** The requested address; only its path and query are the client's. */
function addressOf({ url = '/' }: IncomingMessage): URL {
  if (!url.startsWith('/')) throw new Refused(400, 'the address makes no sense')
  try {
    return new URL(`http://review${url}`)
  } catch {
    throw new Refused(400, 'the address makes no sense')
  }
}

function checked<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new Refused(400, `${issue.path.join('.')}: ${issue.message}`)
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  // A page elsewhere cannot send this type without asking first, and is refused then.
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new Refused(415, 'the body must be JSON')
  }
  const chunks: Buffer[] = []
  let bytes = 0
  // Not destroyed when it is too long: the sender is to hear why.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBodyBytes) throw new Refused(413, `the body is longer than ${mostBodyBytes} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new Refused(400, 'the body is no JSON')
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

/** Splits, kinds, hints and group values that occur, as the page offers them. */
function runAnswer({ run, tables, reviewer, torn }: Review): Omit<RunAnswer, 'progress'> {
  const { suspects, info, levels } = tables
  const { input } = info
  const distinct = (values: Iterable<string | null>) =>
    [...new Set(values)].filter(value => value !== null).sort((a, b) => a.localeCompare(b, 'en'))
  return {
    pipeline: run.manifest.pipeline,
    run: run.manifest.run,
    reviewer,
    classNames: info.classNames,
    levels,
    form: input.kind === 'image' ? 'pictures' : 'features',
    pixelated: input.kind === 'image' && Math.max(input.height, input.width) <= pixelatedSide,
    featureNames: info.featureNames.slice(0, mostFeatures),
    splits: distinct(suspects.map(({ split }) => split)),
    issueKinds: distinct(suspects.map(({ issueKind }) => issueKind)),
    hints: distinct(suspects.flatMap(({ hints }) => hints)),
    groups: info.groups.map((name, i) => ({
      name,
      values: distinct(suspects.map(({ groups }) => groups[i])),
    })),
    pairs: confusionPairs(suspects, mostPairs),
    torn: torn.length,
  }
}
