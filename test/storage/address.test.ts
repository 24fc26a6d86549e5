import { expect, test } from 'vitest'
import { ConfigError } from '../../src/errors.js'
import { isStorageAddress, parseStorageAddress, storageText } from '../../src/storage/address.js'

const known = { AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 'nobody-knows-it' }

test('names Amazon unless an endpoint is given, and the bucket in the host there', () => {
  const address = parseStorageAddress('s3://my.bucket/a/b/', { ...known, AWS_REGION: 'eu-central-1' })
  expect(address).toMatchObject({
    bucket: 'my.bucket',
    prefix: 'a/b',
    region: 'eu-central-1',
    pathStyle: false,
  })
  expect(address.endpoint.href).toBe('https://s3.eu-central-1.amazonaws.com/')
  expect(address.credentials).toEqual({ accessKeyId: 'AK', secretAccessKey: 'nobody-knows-it' })
})

test('takes endpoint, region and style from the address before the environment', () => {
  const environment = {
    ...known,
    AWS_ENDPOINT_URL: 'http://all:1',
    AWS_ENDPOINT_URL_S3: 'http://head:9000',
    AWS_DEFAULT_REGION: 'garage',
    AWS_SESSION_TOKEN: 'passing',
  }
  const told = parseStorageAddress('s3://models', environment)
  expect(told).toMatchObject({ prefix: '', region: 'garage', pathStyle: true })
  expect(told.endpoint.host).toBe('head:9000')
  expect(told.credentials.sessionToken).toBe('passing')
  const own = parseStorageAddress('s3://models?endpoint=https://x&region=y&pathStyle=false', environment)
  expect(own).toMatchObject({ region: 'y', pathStyle: false })
  expect(storageText(own)).toBe('s3://models at x')
})

test.each([
  's3://',
  's3://B',
  's3://bucket:9000/',
  'http://bucket',
  's3://bucket?endpoint=ftp://x',
  's3://bucket?acl=all',
])('refuses %j', text => {
  expect(() => parseStorageAddress(text, known)).toThrow(ConfigError)
})

test('refuses credentials where others can read them, without repeating them', () => {
  for (const text of ['s3://me:hidden@bucket', 's3://bucket?endpoint=http://me:hidden@head']) {
    const parse = () => parseStorageAddress(text, known)
    expect(parse).toThrow(/everybody on this machine/)
    expect(parse).not.toThrow(/hidden/)
  }
  expect(() => parseStorageAddress('s3://bucket', {})).toThrow(/asks who we are/)
})

test('a folder is no object storage', () => {
  expect(isStorageAddress('s3://bucket')).toBe(true)
  expect(isStorageAddress('/mnt/runs/store')).toBe(false)
})
