/** Keys of artefacts: the SHA-256 of everything that decides their bytes. */
import { createHash } from 'node:crypto'

/**
 * JSON with object keys in code-unit order and no white space, so that equal values have equal text; keys whose
 * value is undefined are left out. Throws a TypeError on what JSON cannot hold exactly (NaN, Infinity, bigint,
 * functions, class instances such as Map or typed arrays): two different values must never share a key.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && isPlain(value)) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`)
    return `{${members.join(',')}}`
  }
  const kind =
    typeof value === 'object' ? (value?.constructor?.name ?? 'object') : `${typeof value} ${String(value)}`
  throw new TypeError(`a key cannot be made of ${kind}`)
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Key of an artefact, 64 hexadecimal digits: the SHA-256 of the canonical JSON of `parts`. */
export function keyOf(parts: unknown): string {
  return createHash('sha256').update(canonicalJson(parts)).digest('hex')
}
