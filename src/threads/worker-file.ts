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

/**
 * `--import tsx` registers itself in the main thread alone before Node 22.22, and is looked for from the working
 * folder; this one is found from here and registers in the thread that imports it. The path is put together by
 * hand because `require.resolve` leads to the CommonJS build, whose `register` does not find its own hooks.
 */
function loader(): string {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'))
  const api = new URL('./dist/esm/api/index.mjs', tsx).href
  const code = `import { register } from ${JSON.stringify(api)}; register()`
  return `data:text/javascript,${encodeURIComponent(code)}`
}
