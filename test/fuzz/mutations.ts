/** Damage to files, as disks, networks, editors and attackers do it; a seeded stream decides about all of it. */
import type { RandomStream } from '../../src/random.js'

type Mutation = (bytes: Buffer, random: RandomStream) => Buffer

/** A place, and how many bytes from there: often few, seldom many. */
function run(bytes: Buffer, random: RandomStream): [start: number, end: number] {
  const start = random.integer(Math.max(1, bytes.length))
  const most = Math.max(1, bytes.length - start)
  return [start, start + 1 + Math.floor(most ** random.uniform() - 1)]
}

/** Headers are at the beginning, footers at the end: half of the places lie in one of them. */
function place(bytes: Buffer, random: RandomStream): number {
  const kind = random.integer(4)
  const near = random.integer(Math.max(1, Math.min(bytes.length, 512)))
  if (kind === 0) return near
  if (kind === 1) return bytes.length - 1 - near
  return random.integer(Math.max(1, bytes.length))
}

const extremes = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_ffffn,
]

const numbers = [
  '-1',
  '0',
  '1e309',
  '-1e309',
  'NaN',
  '',
  '4294967296',
  '2147483648',
  '99999999999999999999',
  '1e-320',
  '0.1',
  'null',
  '[]',
  '"1"',
]

export const mutations: Readonly<Record<string, Mutation>> = {
  'flipped bits'(bytes, random) {
    const changed = Buffer.from(bytes)
    if (changed.length === 0) return changed
    for (let left = 1 + random.integer(8); left > 0; left--)
      changed[place(bytes, random)]! ^= 1 << random.integer(8)
    return changed
  },
  'random bytes'(bytes, random) {
    const changed = Buffer.from(bytes)
    const [start, end] = run(bytes, random)
    for (let i = start; i < Math.min(end, start + 64, bytes.length); i++) changed[i] = random.integer(256)
    return changed
  },
  'cut off': (bytes, random) => bytes.subarray(0, random.integer(bytes.length + 1)),
  'without its beginning': (bytes, random) => bytes.subarray(random.integer(bytes.length + 1)),
  'without a piece'(bytes, random) {
    const [start, end] = run(bytes, random)
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
  },
  spliced(bytes, random) {
    const [start, end] = run(bytes, random)
    const at = random.integer(bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(start, end), bytes.subarray(at)])
  },
  'repeated block'(bytes, random) {
    const [start, end] = run(bytes, random)
    const block = bytes.subarray(start, end)
    const times =
      2 + random.integer(Math.max(1, Math.min(64, Math.floor(65_536 / Math.max(1, block.length)))))
    return Buffer.concat([bytes.subarray(0, start), ...Array<Buffer>(times).fill(block), bytes.subarray(end)])
  },
  'swapped blocks'(bytes, random) {
    const [first, second] = [random.integer(bytes.length + 1), random.integer(bytes.length + 1)].sort(
      (a, b) => a - b,
    )
    const length = random.integer(1 + Math.min(second - first, bytes.length - second))
    return Buffer.concat([
      bytes.subarray(0, first),
      bytes.subarray(second, second + length),
      bytes.subarray(first + length, second),
      bytes.subarray(first, first + length),
      bytes.subarray(second + length),
    ])
  },
  'extreme integer'(bytes, random) {
    const width = 1 << random.integer(4)
    const changed = Buffer.from(bytes)
    if (bytes.length < width) return changed
    const at = Math.min(place(bytes, random), bytes.length - width)
    let value = BigInt.asUintN(8 * width, extremes[random.integer(extremes.length)]!)
    const isBig = random.integer(2) === 1
    for (let i = 0; i < width; i++, value >>= 8n)
      changed[isBig ? at + width - 1 - i : at + i] = Number(value & 0xffn)
    return changed
  },
  'extreme number in text'(bytes, random) {
    const text = bytes.toString('latin1')
    const found = [...text.matchAll(/-?\d+(\.\d+)?/g)]
    if (found.length === 0) return mutations['extreme integer']!(bytes, random)
    const { 0: number, index } = found[random.integer(found.length)]!
    const replaced = numbers[random.integer(numbers.length)]!
    return Buffer.from(text.slice(0, index) + replaced + text.slice(index + number.length), 'latin1')
  },
}

const names = Object.keys(mutations)

/** The bytes with one to three kinds of damage, and their names. */
export function mutate(
  bytes: Buffer,
  random: RandomStream,
): { readonly bytes: Buffer; readonly damage: string } {
  let damaged = bytes
  const damage: string[] = []
  for (let left = [1, 1, 1, 2, 3][random.integer(5)]!; left > 0; left--) {
    const name = names[random.integer(names.length)]!
    damaged = mutations[name]!(damaged, random)
    damage.push(name)
  }
  return { bytes: damaged, damage: damage.join(', ') }
}
