/**
 * A bucket of an object storage that speaks S3: the few requests that a store of artefacts needs (Amazon S3 API
 * Reference, 2006-03-01), each signed with the hash of its body, and tried again where that may help.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { AwsClient } from 'aws4fetch'
import pLimit from 'p-limit'
import { ConfigError, RunError, UnavailableError } from '../errors.js'
import { type StorageAddress, storageText } from './address.js'

export interface Bucket {
  /** The bytes of an object, or undefined where there is none. */
  get(name: string): Promise<Buffer | undefined>
  /**
   * Writes an object at once.
   * @param isFirst write it only where there is none yet
   * @returns whether it was written
   */
  put(name: string, body: Uint8Array, isFirst?: boolean): Promise<boolean>
  /** Whether there is an object of so many bytes. */
  has(name: string, bytes: number): Promise<boolean>
  /** Writes an object from a file of so many bytes, in parts where it is large; it appears whole or not at all. */
  upload(name: string, file: string, bytes: number): Promise<void>
  /** Reads an object of so many bytes into a new file. @returns whether it is there, with so many bytes */
  download(name: string, file: string, bytes: number): Promise<boolean>
}

export interface BucketOptions {
  /** Bytes of a part. Default 16 MiB; S3 asks for 5 MiB, and for at most 10,000 parts. */
  readonly partBytes?: number
  /** Milliseconds before the second try of a request; each further one waits for twice as long. Default 250. */
  readonly firstPause?: number
}

const mostParts = 10_000
/** Parts in memory at once. */
const partsAtOnce = 6
const tries = 6
/** Milliseconds that a request with a part may take. */
const patience = 120_000

export function openBucket(address: StorageAddress, options: BucketOptions = {}): Bucket {
  const { partBytes = 16 << 20, firstPause = 250 } = options
  const { credentials, region } = address
  const client = new AwsClient({ ...credentials, region, service: 's3', retries: 0 })
  /** Holds a part from when it is read until the last try to send it. */
  const limit = pLimit(partsAtOnce)

  /** @throws ConfigError where we are refused, UnavailableError where tries are in vain */
  async function request(method: string, url: URL, body?: Uint8Array, headers = {}): Promise<Answer> {
    const hash = createHash('sha256')
      .update(body ?? '')
      .digest('hex')
    for (let turn = 1; ; turn++) {
      const outcome = await attempt(method, url, hash, body, headers).catch(cause => ({
        error: new UnavailableError(`the object storage cannot be reached: ${reasonOf(cause)}`, {
          file: storageText(address),
          mend: 'Check the endpoint and the network.',
        }),
        again: true,
      }))
      if ('answer' in outcome) return outcome.answer
      if (!outcome.again || turn === tries) throw outcome.error
      await pause(firstPause * 2 ** (turn - 1) * (0.5 + Math.random()))
    }
  }

  async function attempt(
    method: string,
    url: URL,
    hash: string,
    body: Uint8Array | undefined,
    headers: object,
  ) {
    const response = await client.fetch(url, {
      method,
      headers: { ...headers, 'x-amz-content-sha256': hash },
      ...(body && { body: body as Uint8Array<ArrayBuffer> }),
      redirect: 'manual',
      signal: AbortSignal.timeout(patience),
    })
    const answer = {
      status: response.status,
      headers: response.headers,
      bytes: Buffer.from(await response.arrayBuffer()),
    }
    if (isAnswer(answer)) return { answer }
    return { error: refusal(answer, address), again: mayPass(answer) }
  }

  function urlOf(name: string, query = ''): URL {
    const { endpoint, pathStyle, bucket, prefix } = address
    const path = [...(pathStyle ? [bucket] : []), ...(prefix ? prefix.split('/') : []), ...name.split('/')]
    const url = new URL(endpoint)
    if (!pathStyle) url.hostname = `${bucket}.${url.hostname}`
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${path.map(encodeURIComponent).join('/')}`
    url.search = query
    return url
  }

  async function get(name: string): Promise<Buffer | undefined> {
    const { status, bytes } = await request('GET', urlOf(name))
    return status === 404 ? missing(bytes, address) : bytes
  }

  async function put(name: string, body: Uint8Array, isFirst = false): Promise<boolean> {
    const answer = await request('PUT', urlOf(name), body, isFirst ? { 'if-none-match': '*' } : {})
    // Not all that speak S3 know conditions; who writes last is then the first.
    if (isFirst && answer.status === 501) return put(name, body)
    if (isFirst && answer.status === 412) return false
    written(answer, address)
    return true
  }

  async function has(name: string, bytes: number): Promise<boolean> {
    const { status, headers } = await request('HEAD', urlOf(name))
    return status === 200 && headers.get('content-length') === String(bytes)
  }

  async function uploadParts(
    name: string,
    file: FileHandle,
    bytes: number,
    parts: readonly Part[],
  ): Promise<void> {
    const begun = await request('POST', urlOf(name, 'uploads='))
    written(begun, address)
    const id = textIn(begun.bytes, 'UploadId')
    try {
      const tags = await Promise.all(
        parts.map((part, at) =>
          limit(async () => {
            const query = new URLSearchParams({ partNumber: String(at + 1), uploadId: id }).toString()
            const sent = await request('PUT', urlOf(name, query), await read(file, part))
            return written(sent, address).headers.get('etag') ?? ''
          }),
        ),
      )
      const list = tags.map((tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${tag}</ETag></Part>`)
      const body = Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`)
      const done = await request('POST', urlOf(name, `uploadId=${encodeURIComponent(id)}`), body)
      // One that is not known any more was joined by a try whose answer was lost.
      if (done.status !== 404 || !(await has(name, bytes))) written(done, address)
    } catch (error) {
      await request('DELETE', urlOf(name, `uploadId=${encodeURIComponent(id)}`)).catch(() => {})
      throw error
    }
  }

  return {
    get,
    put,
    has,
    async upload(name, path, bytes) {
      const file = await open(path)
      try {
        const parts = partsOf(bytes, Math.max(partBytes, Math.ceil(bytes / mostParts)))
        if (parts.length > 1) return await uploadParts(name, file, bytes, parts)
        await limit(async () => put(name, await read(file, { start: 0, length: bytes })))
      } finally {
        await file.close()
      }
    },
    async download(name, path, bytes) {
      const file = await open(path, 'wx')
      try {
        const wanted = partsOf(bytes, partBytes).map(({ start, length }) =>
          limit(async () => {
            const range = length === 0 ? {} : { range: `bytes=${start}-${start + length - 1}` }
            const { status, bytes: part } = await request('GET', urlOf(name), undefined, range)
            if (status === 404) missing(part, address)
            if ((status !== 200 && status !== 206) || part.length !== length) return false
            await file.write(part, 0, length, start)
            return true
          }),
        )
        return (await Promise.all(wanted)).every(Boolean)
      } finally {
        await file.close()
      }
    },
  }
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
}

interface Part {
  readonly start: number
  readonly length: number
}

/** Of nothing there is one part, which is empty. */
function partsOf(bytes: number, partBytes: number): Part[] {
  const count = Math.max(1, Math.ceil(bytes / partBytes))
  return Array.from({ length: count }, (_, at) => ({
    start: at * partBytes,
    length: Math.min(partBytes, bytes - at * partBytes),
  }))
}

async function read(file: FileHandle, { start, length }: Part): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await file.read(buffer, 0, length, start)
  if (bytesRead !== length) throw new RunError('a file got shorter while it was being sent')
  return buffer
}

/** The text of an element that occurs once, and holds no other. */
function textIn(xml: Buffer, element: string): string {
  return new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml.toString('utf8'))?.[1] ?? ''
}

/** What answers a request to write. */
function written(answer: Answer, address: StorageAddress): Answer {
  if (answer.status >= 300) throw refusal(answer, address)
  return answer
}

/** An object that is not there; a bucket that is not is an error. */
function missing(xml: Buffer, address: StorageAddress): undefined {
  if (textIn(xml, 'Code') === 'NoSuchBucket') throw refusal({ status: 404, bytes: xml }, address)
  return undefined
}

/** That there is none such, that somebody was first and that conditions are unknown are answers as well. */
function isAnswer({ status, bytes }: Answer): boolean {
  // Where parts are joined, an error may come after the status.
  if (status >= 200 && status < 300) return !bytes.subarray(0, 200).includes('<Error>')
  return [404, 412, 416, 501].includes(status)
}

function mayPass({ status, bytes }: Answer): boolean {
  const code = textIn(bytes, 'Code')
  return status >= 500 || status === 429 || status === 409 || status === 200 || code === 'RequestTimeout'
}

/** What the storage says, by its code and its message alone: the rest of an answer repeats whom it was sent by. */
function refusal({ status, bytes }: Pick<Answer, 'status' | 'bytes'>, address: StorageAddress): Error {
  const code = textIn(bytes, 'Code') || `status ${status}`
  const place = { file: storageText(address) }
  if (status >= 500 || status === 429 || status === 200) {
    return new UnavailableError(`the object storage answers ${code}`, place)
  }
  return new ConfigError(`the object storage refuses: ${code}`, {
    ...place,
    mend: 'Check bucket, region and credentials, and that they may read and write there.',
  })
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code! : error.message
}
