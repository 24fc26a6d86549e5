/**
 * TensorFlow.js as a training engine: on a GPU or native CPU through the packages a user has installed, else
 * in plain JavaScript. None of them is a dependency of pieline; they are found at run time.
 */
import { ConfigError } from '../../errors.js'
import type { Engine } from '../engine.js'
import type { Tensorflow } from './network.js'
import { createTfjsTrainer } from './trainer.js'

export type TfjsEngineName = Exclude<Engine['name'], 'onnxruntime'>

/** Fastest first. */
const engineNames: readonly TfjsEngineName[] = ['tfjs-node-gpu', 'tfjs-node', 'tfjs']

/**
 * The fastest TensorFlow.js that is installed, or the one asked for.
 *
 * @param importPackage - how a package is found: by Node, from where pieline lies.
 * @throws ConfigError where none is installed, or where an installed one does not load. A broken installation
 *   is never passed over in silence for a slower one.
 */
export async function loadTfjsEngine(
  preference?: TfjsEngineName,
  importPackage: (specifier: string) => Promise<unknown> = specifier => import(specifier),
): Promise<Engine> {
  for (const name of preference ? [preference] : engineNames) {
    const specifier = `@tensorflow/${name}`
    try {
      // The packages are CommonJS; in Node their exports are the default export.
      const { default: tf } = (await importPackage(specifier)) as { default: Tensorflow }
      return tfjsEngine(name, tf)
    } catch (cause) {
      if (isMissing(cause, specifier)) continue
      throw new ConfigError(`${specifier} is installed but does not load: ${(cause as Error).message}`, {
        mend: `Reinstall it ("npm rebuild ${specifier}"), or choose the engine "tfjs" or "onnxruntime".`,
        cause,
      })
    }
  }
  const wanted = preference ? `@tensorflow/${preference}` : 'TensorFlow.js'
  throw new ConfigError(`${wanted} is not installed`, {
    mend: `Install it beside pieline with "npm install @tensorflow/${preference ?? 'tfjs'}", or use the engine "onnxruntime".`,
  })
}

/** Whether `cause` says that the package itself was not found, rather than something it needs. */
function isMissing(cause: unknown, specifier: string): boolean {
  const { code, message } = cause as NodeJS.ErrnoException
  return code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${specifier}'`)
}

function tfjsEngine(name: TfjsEngineName, tf: Tensorflow): Engine {
  // Without it the plain backend prints a banner that recommends tfjs-node.
  tf.enableProdMode()
  return {
    name,
    version: tf.version['tfjs-core'],
    async createTrainer(architecture, data, options, initial) {
      await tf.ready()
      return createTfjsTrainer(tf, architecture, data, options, initial)
    },
  }
}
