/** Tables without frames: columns under their titles, numbers to the right. */
import Table from 'cli-table3'
import type { Style } from './style.js'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** A table, each line indented by two spaces, without a line break at its end. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const none = ''
  const drawn = new Table({
    head: columns.map(({ title }) => style('dim', title)),
    colAligns: columns.map(({ align = 'left' }) => align),
    style: { head: [], border: [], 'padding-left': 2, 'padding-right': 0 },
    chars: {
      top: none,
      'top-mid': none,
      'top-left': none,
      'top-right': none,
      bottom: none,
      'bottom-mid': none,
      'bottom-left': none,
      'bottom-right': none,
      left: none,
      'left-mid': none,
      mid: none,
      'mid-mid': none,
      right: none,
      'right-mid': none,
      middle: none,
    },
  })
  drawn.push(...rows.map(row => [...row]))
  return drawn
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n')
}
