import * as tensorflow from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { loadTfjsEngine } from '../../src/engine/tfjs/index.js'
import { ConfigError } from '../../src/errors.js'
import { optionCases, problem } from './cases.js'

/** Node's own words for a package that is not there. */
const missing = (specifier: string) =>
  Object.assign(new Error(`Cannot find package '${specifier}' imported from /somewhere/index.js`), {
    code: 'ERR_MODULE_NOT_FOUND',
  })

/** As if only these packages of TensorFlow.js were installed. */
const installed =
  (...names: string[]) =>
  async (specifier: string) => {
    if (!names.includes(specifier)) throw missing(specifier)
    return tensorflow
  }

describe('loadTfjsEngine', () => {
  it('takes the fastest that is installed', async () => {
    const loaded = async (...names: string[]) => (await loadTfjsEngine(undefined, installed(...names))).name
    expect(await loaded('@tensorflow/tfjs', '@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node')).toBe(
      'tfjs-node-gpu',
    )
    expect(await loaded('@tensorflow/tfjs', '@tensorflow/tfjs-node')).toBe('tfjs-node')
    expect(await loaded('@tensorflow/tfjs')).toBe('tfjs')
  })

  it('takes the one asked for, or says that it is not there', async () => {
    const both = installed('@tensorflow/tfjs', '@tensorflow/tfjs-node')
    expect((await loadTfjsEngine('tfjs', both)).name).toBe('tfjs')
    await expect(loadTfjsEngine('tfjs-node-gpu', both)).rejects.toThrow(
      expect.objectContaining({
        name: 'ConfigError',
        message: '@tensorflow/tfjs-node-gpu is not installed',
        mend: expect.stringContaining('npm install @tensorflow/tfjs-node-gpu'),
      }),
    )
    await expect(loadTfjsEngine(undefined, installed())).rejects.toThrow('TensorFlow.js is not installed')
  })

  it('passes over no broken installation', async () => {
    const broken = async (specifier: string) => {
      if (specifier === '@tensorflow/tfjs-node')
        throw new Error('libtensorflow.so.2: cannot open shared object')
      return installed('@tensorflow/tfjs')(specifier)
    }
    await expect(loadTfjsEngine(undefined, broken)).rejects.toThrow(ConfigError)
    await expect(loadTfjsEngine(undefined, broken)).rejects.toThrow(
      /tfjs-node is installed but does not load/,
    )
    const needy = async () => {
      throw missing('node-pre-gyp')
    }
    await expect(loadTfjsEngine('tfjs', needy)).rejects.toThrow(/does not load/)
  })

  it('finds the package by Node itself, and knows its version', async () => {
    const engine = await loadTfjsEngine('tfjs')
    expect(engine.version).toBe(tensorflow.version['tfjs-core'])
  })
})

describe('memory', () => {
  it.each([1, 20])('holds nothing but weights, momenta and masks after %i steps', async steps => {
    const engine = await loadTfjsEngine('tfjs')
    const training = optionCases.find(({ name }) => name === 'masks on convolutions with everything')!
    const { architecture, data, options, initial, inputs, masks } = problem(training, steps)
    const before = tensorflow.memory().numTensors
    const trainer = await engine.createTrainer(architecture, data, options, initial)
    const held = initial.weights.length + initial.momenta.length
    expect(tensorflow.memory().numTensors).toBe(before + held)
    for (let chunk = 0; chunk < 2; chunk++) {
      await trainer.setMasks(masks)
      await trainer.run(inputs)
      await trainer.state()
      expect(tensorflow.memory().numTensors).toBe(before + held + masks.size)
    }
    await trainer.dispose()
    expect(tensorflow.memory().numTensors).toBe(before)
    expect(tensorflow.memory().numDataBuffers).toBeLessThanOrEqual(before)
  })
})
