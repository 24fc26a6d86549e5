/**
 * The review's page and its data over HTTP. Everything that is served is a table's cell or a text of the program: no
 * path that a browser sends ever names a file.
 */
import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import {
  type Answer,
  json,
  type PageServer,
  Refused,
  type ServerOptions,
  type Site,
  servePages,
} from '../pages/serve.js'
import { clientScript } from '../report/client-script.js'
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

export type { PageServer as ReviewServer, ServerOptions }

/** Serves a review. @throws RunError if the port is taken or the host is none of this machine's */
export async function serveReview(review: Review, options: ServerOptions): Promise<PageServer> {
  const page = {
    html: reviewPage(review.run.manifest.pipeline),
    script: await clientScript(new URL('./client/review-page.js', import.meta.url)),
    style: reviewStyle,
  }
  return servePages({ name: 'review', page, answer: answerer(review) }, options)
}

/** What answers requests to the guarded server. */
function answerer(review: Review): Site['answer'] {
  const { tables } = review
  const { suspects, info } = tables
  const examples = info.trainExamples + info.testExamples
  const pictures = new PictureCache(rows => tables.images(rows), pictureBytes)
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
    if (room === 'pictures' && name !== undefined && rest.length === 0) return picture(rowIn(name, examples))
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
      text: await tables.text(suspects[row].exampleRow),
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

  return answerOf
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
    text: info.text === true,
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
