/** `pieline doctor`: what this machine can do. */
import { accessSync, constants, existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { dirname, resolve } from 'node:path'
import { Command } from 'commander'
import { packageVersion, pielineVersion } from '../pipeline/versions.js'
import { bytes } from '../report/format.js'
import { styleFor } from '../terminal/style.js'
import { examples, jsonOption, outOption } from './options.js'

/** One thing that was looked at. */
interface Finding {
  readonly name: string
  readonly state: 'good' | 'poor' | 'bad'
  readonly found: string
  /** What to do where the state is not good. */
  readonly mend?: string
}

/** Less free space than this does not hold the members of a common run. */
const scarceDisk = 2e9
const scarceMemory = 4e9

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say what this machine can do: cores, memory, engines, disk, speed')
    .addOption(outOption())
    .addOption(jsonOption('print the findings as JSON'))
    .addHelpText(
      'after',
      `${examples(['pieline doctor', ''], ['pieline doctor --json', 'for a bug report'])}\n\nExit code 4 where something keeps runs from working.`,
    )
    .action(async ({ out, json }: { out: string; json?: true }) => {
      const findings = [...machine(), ...engines(), await onnxruntime(), await images(), await disk(out)]
      if (json) console.log(JSON.stringify({ pieline: pielineVersion, findings }, null, 2))
      else print(findings)
      if (findings.some(({ state }) => state === 'bad')) process.exitCode = 4
    })
}

function print(findings: readonly Finding[]): void {
  const style = styleFor(process.stdout)
  const marks = { good: style('green', '✓'), poor: style('yellow', '!'), bad: style('red', '✗') }
  const width = Math.max(...findings.map(({ name }) => name.length))
  for (const { name, state, found, mend } of findings) {
    console.log(`${marks[state]} ${name.padEnd(width)}  ${found}`)
    if (mend !== undefined) console.log(`${' '.repeat(width + 4)}${mend}`)
  }
}

function machine(): Finding[] {
  const memory = totalmem()
  return [
    { name: 'pieline', state: 'good', found: pielineVersion },
    { name: 'node', state: 'good', found: `${process.versions.node} on ${process.platform}-${process.arch}` },
    {
      name: 'cores',
      state: 'good',
      found: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    },
    {
      name: 'memory',
      state: memory < scarceMemory ? 'poor' : 'good',
      found: bytes(memory),
      ...(memory < scarceMemory && { mend: 'Use fewer workers (pieline run --workers 1).' }),
    },
  ]
}

function engines(): Finding[] {
  const packages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node', '@tensorflow/tfjs']
  const found = packages.flatMap(name => {
    const version = packageVersion(name)
    return version === undefined ? [] : [`${name} ${version}`]
  })
  const text = found.length > 0 ? found.join(', ') : 'not installed (an optional second engine)'
  return [{ name: 'tensorflow.js', state: 'good', found: text }]
}

async function onnxruntime(): Promise<Finding> {
  try {
    const { executionProviders, gigaflops } = await import('../engine/onnxruntime/speed.js')
    const speed = await gigaflops()
    const backends = executionProviders().join(', ')
    return {
      name: 'onnxruntime',
      state: 'good',
      found: `${packageVersion('onnxruntime-node')} (${backends}), ${speed.toFixed(0)} GFLOP/s a core`,
    }
  } catch (error) {
    return {
      name: 'onnxruntime',
      state: 'bad',
      found: `does not start: ${(error as Error).message}`,
      mend: 'Install it again: npm install onnxruntime-node',
    }
  }
}

async function images(): Promise<Finding> {
  try {
    const { default: sharp } = await import('sharp')
    const formats = Object.values(sharp.format).filter(({ id, input }) => input.buffer && id !== 'raw')
    const ids = formats.map(({ id }) => id)
    return { name: 'sharp', state: 'good', found: `${sharp.versions.sharp}, reads ${ids.join(', ')}` }
  } catch (error) {
    return {
      name: 'sharp',
      state: 'bad',
      found: `does not start: ${(error as Error).message}`,
      mend: 'Install it again: npm install sharp',
    }
  }
}

async function disk(out: string): Promise<Finding> {
  let folder = resolve(out)
  while (!existsSync(folder)) folder = dirname(folder)
  try {
    accessSync(folder, constants.W_OK)
  } catch {
    return {
      name: 'disk',
      state: 'bad',
      found: `${folder} is not writable`,
      mend: 'Name another folder with --out.',
    }
  }
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  return {
    name: 'disk',
    state: free < scarceDisk ? 'poor' : 'good',
    found: `${bytes(free)} free in ${folder}`,
    ...(free < scarceDisk && { mend: 'Make room, or name another folder with --out.' }),
  }
}
