/** Worker threads that start from the built package and from the TypeScript source alike. */

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

export interface WorkerFile {
  /** URL of the module. */
  readonly filename: string
  /** Options of Node.js with which its thread starts. */
  readonly execArgv: string[]
}

/**
 * The worker module `name` beside the module at `base`.
 *
 * @param base `import.meta.url` of the caller, which ends in `.ts` where the source itself runs (tests, tsx) and
 * a thread needs a loader for it
 */
export function workerFile(name: string, base: string): WorkerFile {
  const isSource = base.endsWith('.ts')
  return {
    filename: new URL(`./${name}.${isSource ? 'ts' : 'js'}`, base).href,
    execArgv: isSource ? ['--import', loader()] : [],
  }
}

/** From its own place, since threads start in the working folder, wherever that is. */
function loader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
}
