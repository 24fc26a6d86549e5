/** Versions of what computes: part of every key, and told in the manifest. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

/** Version of this package. */
export const pielineVersion: string = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
).version

/** Version of an installed package, or undefined where there is none. Loads none of its code. */
export function packageVersion(name: string): string | undefined {
  let folder: string
  try {
    folder = dirname(require.resolve(name))
  } catch {
    return undefined
  }
  // Many packages do not export their package.json, so it is looked for upwards from the entry point.
  for (; dirname(folder) !== folder; folder = dirname(folder)) {
    try {
      const found = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      if (found.name === name) return found.version
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return undefined
}

/** What decodes the images and writes the tables, whatever the engine. */
const tableLibraries = ['sharp', 'apache-arrow', 'parquet-wasm'] as const

const engineLibraries = {
  onnxruntime: ['onnxruntime-node'],
  tfjs: ['onnxruntime-node', '@tensorflow/tfjs', '@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu'],
} as const

/** Versions of the libraries on which the bytes of a run's artefacts depend, by package name. */
export function versionsOfLibraries(engine: keyof typeof engineLibraries): Record<string, string> {
  return { ...versionsOfEngine(engine), ...installedVersions(tableLibraries) }
}

/** Versions of the libraries on which a member's training depends, by package name. */
export function versionsOfEngine(engine: keyof typeof engineLibraries): Record<string, string> {
  return installedVersions(engineLibraries[engine])
}

function installedVersions(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap(name => {
      const version = packageVersion(name)
      return version === undefined ? [] : [[name, version]]
    }),
  )
}
