/** The browser of whoever sits at the terminal. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { RunError } from '../errors.js'

/** Opens a file or an address. @throws RunError if there is nothing to open it with */
export async function openInBrowser(target: string): Promise<void> {
  const [program, ...before] = { darwin: ['open'], win32: ['cmd', '/c', 'start', ''] }[
    process.platform as string
  ] ?? ['xdg-open']
  const child = spawn(program, [...before, target], { stdio: 'ignore', detached: true })
  try {
    await once(child, 'spawn')
  } catch (cause) {
    throw new RunError(`cannot be opened: there is no "${program}"`, {
      file: target,
      mend: 'Open it in a browser.',
      cause,
    })
  }
  child.unref()
}
