/** The text that people see of an example, out of the columns that the pipeline names. */

/**
 * One column as it is; of several, each that is not empty with its name, on lines of its own.
 * @param cells in the order of the columns
 */
export function shownText(columns: readonly string[], cells: readonly (string | null)[]): string | null {
  if (columns.length === 1) return cells[0]
  const lines = columns.flatMap((name, i) => (cells[i] === null ? [] : [`${name}: ${cells[i]}`]))
  return lines.length === 0 ? null : lines.join('\n')
}

/** The beginning of a text, no character of it cut in two. */
export function beginning(text: string, characters: number): string {
  const known = text.slice(0, 2 * characters)
  const kept = [...known]
  if (known === text && kept.length <= characters) return text
  return `${kept.slice(0, characters).join('').trimEnd()} …`
}
