/** The word somebody most likely meant, for errors about unknown keys, columns and names. */

/**
 * Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours that turn
 * `a` into `b` (Boytsov 2011, section 2.2).
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforeLast[j - 2] + 1)
      }
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]
}

/** What a beginning must have at least to stand for the whole. */
const leastBeginning = 3

/**
 * The candidate nearest to `word`, letter case aside, or undefined when none is within 40 % of its length; failing
 * that, the only one that it is the beginning of.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const names = [...new Set(candidates)]
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length * 0.4)) + 1
  for (const candidate of names) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  if (best !== undefined || word.length < leastBeginning) return best
  const begun = names.filter(name => name.toLowerCase().startsWith(word.toLowerCase()))
  return begun.length === 1 ? begun[0] : undefined
}

/** The beginning of a hint: `Did you mean "…"? `, or nothing when no candidate is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const meant = nearest(word, candidates)
  return meant === undefined ? '' : `Did you mean "${meant}"? `
}
