/** Where an object storage is that speaks S3, and who asks. */
import { z } from 'zod'
import { ConfigError } from '../errors.js'

export interface StorageAddress {
  readonly bucket: string
  /** What all names begin with, without slashes at its ends; may be empty. */
  readonly prefix: string
  readonly endpoint: URL
  readonly region: string
  /** Whether the bucket is named in the path, `host/bucket/…`, or in the host, `bucket.host/…`. */
  readonly pathStyle: boolean
  readonly credentials: Credentials
}

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Whether a store is told as an object storage, not as a folder. */
export const isStorageAddress = (text: string): boolean => text.startsWith('s3://')

const querySchema = z.strictObject({
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
  region: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .optional(),
  pathStyle: z.enum(['true', 'false']).optional(),
})

const form =
  'Write s3://bucket/prefix, with ?endpoint=https://host:9000, region and pathStyle where they are needed.'

/**
 * Reads an address, `s3://bucket[/prefix][?endpoint=…&region=…&pathStyle=…]`. What it does not say comes from
 * `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, `AWS_REGION` and `AWS_DEFAULT_REGION`; with an endpoint the bucket is
 * named in the path unless the address says otherwise. Credentials come from `AWS_ACCESS_KEY_ID`,
 * `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` alone.
 * @throws ConfigError that repeats no credentials
 */
export function parseStorageAddress(
  text: string,
  environment: NodeJS.ProcessEnv = process.env,
): StorageAddress {
  const refused = (message: string, mend = form) => new ConfigError(message, { key: '--store', mend })
  const url = URL.canParse(text) ? new URL(text) : undefined
  // Names of buckets: docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  if (
    url?.protocol !== 's3:' ||
    !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.hostname) ||
    url.port !== ''
  ) {
    throw refused('this is no address of a bucket')
  }
  const query = querySchema.safeParse(Object.fromEntries(url.searchParams))
  if (!query.success) {
    const [issue] = query.error.issues
    throw refused(`the address has no such setting: ${[...issue!.path, issue!.message].join(': ')}`)
  }
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION } = environment
  const region = query.data.region ?? (AWS_REGION || AWS_DEFAULT_REGION || 'us-east-1')
  const asked = query.data.endpoint ?? (AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL || undefined)
  if (asked !== undefined && !URL.canParse(asked)) throw refused('the endpoint is no address')
  const endpoint = new URL(asked ?? `https://s3.${region}.amazonaws.com`)
  if ([url, endpoint].some(({ username, password }) => username !== '' || password !== '')) {
    throw refused(
      'credentials in the address can be read by everybody on this machine',
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    )
  }
  return {
    bucket: url.hostname,
    prefix: decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, ''),
    endpoint,
    region,
    pathStyle: query.data.pathStyle === undefined ? asked !== undefined : query.data.pathStyle === 'true',
    credentials: credentialsOf(environment),
  }
}

function credentialsOf(environment: NodeJS.ProcessEnv): Credentials {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw new ConfigError('the object storage asks who we are', {
      key: AWS_ACCESS_KEY_ID ? 'AWS_SECRET_ACCESS_KEY' : 'AWS_ACCESS_KEY_ID',
      mend: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.',
    })
  }
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
  }
}

/** How the address is told to people. */
export function storageText({ bucket, prefix, endpoint }: StorageAddress): string {
  return `s3://${bucket}${prefix && `/${prefix}`} at ${endpoint.host}`
}
