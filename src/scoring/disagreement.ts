import type { Votes } from './modal-labels.js'

/**
 * How far two populations' votes on each example lie apart: the total variation distance of their vote
 * distributions, ½ Σ_c |votes_a(c) / members_a − votes_b(c) / members_b|, [examples]. 0: the same shares for every
 * class; 1: no class gets votes from both.
 */
export function disagreement(a: Votes, b: Votes): Float32Array {
  const examples = a.predicted.length / a.members
  const distances = new Float32Array(examples)
  // Votes of b count negatively, on the common denominator members_a × members_b, so that sums stay integers
  // and two populations in full agreement are exactly 0 apart.
  const differences = new Int32Array(a.classes)
  const scale = 1 / (2 * a.members * b.members)
  for (let i = 0; i < examples; i++) {
    const beginA = i * a.members
    const beginB = i * b.members
    for (let k = 0; k < a.members; k++) differences[a.predicted[beginA + k]] += b.members
    for (let k = 0; k < b.members; k++) differences[b.predicted[beginB + k]] -= a.members
    let sum = 0
    for (let k = 0; k < a.members; k++) sum += take(differences, a.predicted[beginA + k])
    for (let k = 0; k < b.members; k++) sum += take(differences, b.predicted[beginB + k])
    distances[i] = sum * scale
  }
  return distances
}

/** Magnitude of an entry, which is zero afterwards: each class counts once, and the array is clean again. */
function take(differences: Int32Array, index: number): number {
  const value = Math.abs(differences[index])
  differences[index] = 0
  return value
}
