/** Questions to whoever sits at the terminal. */
import { createInterface } from 'node:readline'
import { ConfigError } from '../errors.js'

export interface Terminal {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
}

/** Whether somebody sits there to answer. */
export const canAsk = (): boolean => process.stdin.isTTY === true && process.stdout.isTTY === true

/**
 * Shows numbered choices until one is named, by its number or its name.
 * @param preselected what an empty answer takes
 * @throws ConfigError if the input ends before that
 */
export async function choose(
  question: string,
  choices: readonly string[],
  preselected: string | undefined,
  { input, output }: Terminal,
): Promise<string> {
  const lines = createInterface({ input, output })
  try {
    output.write(`${question}\n`)
    for (const [index, choice] of choices.entries()) output.write(`  ${index + 1}  ${choice}\n`)
    lines.setPrompt(preselected === undefined ? '> ' : `[${preselected}] > `)
    lines.prompt()
    for await (const line of lines) {
      const answer = line.trim()
      const chosen =
        answer === '' ? preselected : choices.includes(answer) ? answer : choices[Number(answer) - 1]
      if (chosen !== undefined) return chosen
      lines.prompt()
    }
  } finally {
    lines.close()
  }
  throw new ConfigError('nothing was chosen')
}
