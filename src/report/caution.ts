/** When the networks are to be doubted before the labels are. */

/** Share of label issues from which on: networks 43 % accurate doubt 37 % of labels of which 19 % are wrong. */
const doubtful = 1 / 3

/** Whether so many label issues say little about the labels. */
export const isDoubtful = (issues: number, examples: number): boolean => issues / examples >= doubtful

/**
 * What to say to somebody who would trust the list; undefined where there is no reason.
 * @param accuracy how right the networks are, in words
 */
export function caution(issues: number, examples: number, accuracy: string): string | undefined {
  if (!isDoubtful(issues, examples)) return undefined
  return `So many label issues may say more about the networks, which are ${accuracy}, than about the labels: train longer or choose another architecture before trusting this list.`
}
