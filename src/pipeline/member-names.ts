/** Members that come as files somebody named: their order and their numbers. */
import { basename, extname } from 'node:path'

/** In the order in which people count: 2 before 10. */
export function naturally(names: readonly string[]): string[] {
  const order = new Intl.Collator('en', { numeric: true })
  return names.toSorted((a, b) => order.compare(a, b) || (a < b ? -1 : 1))
}

/** Numbers of members: those in the names where all have one and no two the same, else 0, 1, … */
export function memberNumbers(names: readonly string[]): number[] {
  const numbers = names.map(name =>
    Number(/(\d+)\D*$/.exec(basename(name, extname(name)))?.[1] ?? Number.NaN),
  )
  const distinct = numbers.every(Number.isSafeInteger) && new Set(numbers).size === numbers.length
  return distinct && numbers.every(number => number < 2 ** 31) ? numbers : names.map((_, index) => index)
}
