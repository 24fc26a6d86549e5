/** Measurements in processes of their own, so that their memory and whatever was warmed up is their own too. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Cost {
  readonly seconds: number
  /** Of all threads together; more telling than seconds where the machine is shared. */
  readonly cpuSeconds: number
  /** Most memory that the process ever held. */
  readonly peakBytes: number
}

/** What some work costs this process; its start and what it loads before are not counted as time. */
export async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const [start, cpuStart] = [performance.now(), process.cpuUsage()]
  await work()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpuStart)
  return { seconds, cpuSeconds: (user + system) / 1e6, peakBytes: process.resourceUsage().maxRSS * 1024 }
}

/**
 * Runs a benchmark's own file again with other arguments; it answers with a line of JSON on standard output.
 * @param module `import.meta.url` of the benchmark
 */
export async function measureApart<Answer>(module: string, args: readonly string[]): Promise<Answer> {
  const command = [...process.execArgv, fileURLToPath(module), ...args]
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] })
  let answer = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    answer += text
  })
  const code = await new Promise(ended => child.on('close', ended))
  if (code !== 0) throw new Error(`${args.join(' ')} ended with code ${code}`)
  return JSON.parse(answer) as Answer
}
