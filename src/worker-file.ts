/** Worker threads that start from the built package and from the TypeScript source alike. */

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
    execArgv: isSource ? ['--import', 'tsx'] : [],
  }
}
