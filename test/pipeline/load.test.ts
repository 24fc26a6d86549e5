import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/errors.js'
import { loadPipeline, parseOverride, parsePipeline, resolvePipeline } from '../../src/pipeline/load.js'

const minimal = 'name: tiny\ndataset: { path: data }\n'
const withTest = 'name: tiny\ndataset: { path: data, testShare: 0.2 }\n'

function refusal(text: string, ...set: string[]): string {
  try {
    parsePipeline(text, 'pipelines/tiny.yaml', set.map(parseOverride))
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).exitCode).toBe(2)
    return `\n${(error as ConfigError).describe()}\n`
  }
  throw new Error('was accepted')
}

test('fills in every default, and starts relative paths from the pipeline file', () => {
  const pipeline = parsePipeline(minimal, '/data/pipelines/tiny.yaml')
  expect(pipeline).toMatchObject({
    name: 'tiny',
    dataset: { path: '/data/pipelines/data', label: 'label', onBadExample: 'fail' },
    model: { architecture: 'cnn-small' },
    population: { seeds: 5, crossFit: 5 },
    compress: [],
    scoring: { decision: { rule: 'estimate' } },
    seed: 0,
  })
  expect(pipeline.retrain).toBeUndefined()
})

test('a pipeline given as a value resolves like a file', () => {
  const value = resolvePipeline({ name: 'tiny', dataset: { path: 'data' } }, '/data/pipelines')
  expect(value).toEqual(parsePipeline(minimal, '/data/pipelines/tiny.yaml'))
})

describe('refuses, with the place and the mend,', () => {
  test('an unknown key, with the nearest known one', () => {
    expect(refusal(`${minimal}model:\n  epoch: 3\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "model.epoch": is not a known key
        Did you mean "epochs"? Allowed here: architecture, backbone, width, epochs, batchSize, learningRate, schedule, warmupEpochs, stepAt, stepFactor, momentum, nesterov, weightDecay, labelSmoothing, dropout, flip, shift, lookahead.
      "
    `)
  })

  test('an unknown key at the top and inside one of several methods', () => {
    expect(
      refusal(
        `${minimal}datasets: {}\ncompress:\n  - method: float16\n  - { method: magnitude, sparcity: 0.3 }\n`,
      ),
    ).toMatchInlineSnapshot(`
      "
      3 things are wrong with this pipeline:
        pipelines/tiny.yaml:6, key "compress[1].sparsity": is missing
          Add it: share of the weights to remove; several give a level each.
        pipelines/tiny.yaml:6, key "compress[1].sparcity": is not a known key
          Did you mean "sparsity"? Allowed here: method, sparsity, scope, when, start, begin, end, frequency, fineTuneEpochs, reweight, distill, quantize.
        pipelines/tiny.yaml:3, key "datasets": is not a known key
          Did you mean "dataset"? Allowed here: name, dataset, model, engine, population, compress, predict, inspect, scoring, robustness, retrain, seed, gates, schedule, keep, notify.
      "
    `)
  })

  test('a missing key', () => {
    expect(refusal('name: tiny\ndataset:\n  label: digit\n')).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:2, key "dataset.path": is missing
        Add it: training data: a file, several shards by a glob, or a folder.
      "
    `)
    expect(refusal('dataset: { path: data }\n')).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:1, key "name": is missing
        Add it: names the folder of its runs.
      "
    `)
    expect(refusal(`${minimal}compress:\n  - sparsity: 0.5\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "compress[0].method": is missing
        Possible: magnitude, random, first-order, filter, float16, int8-dynamic, int8-static, int8-aware, int4.
      "
    `)
    expect(refusal(`${minimal}scoring: { decision: { rule: budget } }\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "scoring.decision.count": is missing
        Add it: the N most suspicious labels are issues.
      "
    `)
  })

  test('a value of another type', () => {
    expect(refusal(`${minimal}model:\n  epochs: many\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "model.epochs": must be a number, is "many"
        Meaning: passes over the training data; may be a fraction.
      "
    `)
    expect(refusal(`${minimal}population: { seeds: 2.5 }\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "population.seeds": must be a whole number, is 2.5
        Meaning: members a level.
      "
    `)
    expect(refusal(`${minimal}compress: { method: float16 }\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "compress": must be a list, is a group of keys
      "
    `)
    expect(
      refusal(`${minimal}compress:\n  - { method: magnitude, sparsity: most }\n`),
    ).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "compress[0].sparsity": must be a number or a list, is "most"
        Meaning: share of the weights to remove; several give a level each.
      "
    `)
    expect(refusal('name: tiny\ndataset: data.parquet\n')).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:2, key "dataset": must be a group of keys, is "data.parquet"
      "
    `)
    expect(refusal(`${minimal}model:\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "model": must be a group of keys, is empty
      "
    `)
  })

  test('a value out of range', () => {
    expect(refusal(`${minimal}model: { learningRate: 0 }\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "model.learningRate": must be more than 0, is 0
      "
    `)
    expect(
      refusal(`${minimal}compress:\n  - { method: magnitude, sparsity: [0.5, 1.5] }\n`),
    ).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "compress[0].sparsity[1]": must be at most 1, is 1.5
      "
    `)
    expect(refusal(`${minimal}compress:\n  - { method: magnitude, sparsity: [] }\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "compress[0].sparsity": must have at least 1 item, is an empty list
      "
    `)
    expect(refusal(`${minimal}population: { crossFit: 1 }\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "population.crossFit": one fold leaves nothing to train on
      "
    `)
  })

  test('a word that is none of the possible ones', () => {
    expect(refusal(`${minimal}engine: onnx\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "engine": cannot be "onnx"
        Did you mean "onnxruntime"? Possible: onnxruntime, tfjs.
      "
    `)
    expect(refusal(`${minimal}compress:\n  - method: int8static\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "compress[0].method": cannot be "int8static"
        Did you mean "int8-static"? Possible: magnitude, random, first-order, filter, float16, int8-dynamic, int8-static, int8-aware, int4.
      "
    `)
    expect(refusal(`${minimal}retrain: { arms: [all, nonpie] }\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "retrain.arms[1]": cannot be "nonpie"
        Did you mean "non-pie"? Possible: all, non-pie, random, cleaned, relabeled, relabeled-or-dropped, weighted, random-cleaned, random-relabeled-or-dropped, random-weighted, true-labels.
      "
    `)
    expect(refusal('name: "my data"\ndataset: { path: data }\n')).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:1, key "name": may hold only letters, digits, dot, dash and underscore, is "my data"
      "
    `)
  })

  test('training for a quantization where pruning leaves no trained member', () => {
    const entry = (more: string) =>
      `${minimal}compress:\n  - { method: magnitude, sparsity: 0.5, when: after, quantize: int8-aware${more} }\n`
    expect(refusal(entry(''))).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "compress[0].quantize": "int8-aware" trains pruned members on, and pruning at once without fine-tuning leaves none
        Set \`fineTuneEpochs\`, or \`when: training\`.
      "
    `)
    expect(parsePipeline(entry(', fineTuneEpochs: 1'), 'pipelines/tiny.yaml').compress).toHaveLength(1)
  })

  test('what the schema cannot see', () => {
    expect(
      refusal(
        `${minimal}compress:\n  - { method: magnitude, sparsity: [0.5, 0.9] }\n  - { method: magnitude, sparsity: 0.5 }\n`,
      ),
    ).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:5, key "compress[1]": gives the level "magnitude-0.5" a second time
        Remove it.
      "
    `)
    expect(
      refusal(`${withTest}compress:\n  - { method: float16 }\nretrain: { level: float-16 }\n`),
    ).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:5, key "retrain.level": "float-16" is not a compressed level of this pipeline
        Did you mean "float16"? Possible: float16.
      "
    `)
    expect(
      refusal(`${withTest}compress:\n  - { method: float16 }\nretrain: { level: dense }\n`),
    ).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:5, key "retrain.level": "dense" is not a compressed level of this pipeline
        Possible: float16.
      "
    `)
    expect(
      refusal(`${minimal}compress:\n  - { method: magnitude, sparsity: 0.5, begin: 0.8 }\n`),
    ).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "compress[0].begin": must be less than "end" (0.75), is 0.8
      "
    `)
  })

  test('what somebody wrote and nothing would read', () => {
    const idle = (entry: string) =>
      refusal(`${minimal}compress:\n  - { method: magnitude, sparsity: 0.5, ${entry} }\n`)
    expect(idle('when: after, begin: 0.25')).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "compress[0].begin": does nothing with \`when: after\`, which prunes once and at once
        Leave it out, or set \`when: training\`.
      "
    `)
    expect(idle('distill: {}')).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "compress[0].distill": is about fine-tuning, and there is none
        Set \`fineTuneEpochs\` to 1 or more.
      "
    `)
    for (const key of ['end: 0.5', 'frequency: 10', 'start: scratch']) {
      expect(idle(`when: after, ${key}`)).toContain('does nothing with `when: after`')
    }
    expect(idle('when: after, reweight: {}')).toContain('is about fine-tuning, and there is none')
    expect(refusal(`${minimal}model: { architecture: cnn-fast, warmupEpochs: 1 }\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "model.warmupEpochs": does nothing with the schedule "triangular", which rises by itself
        Leave it out.
      "
    `)
    expect(refusal(`${minimal}model: { schedule: cosine, stepFactor: 0.1 }\n`)).toContain(
      'does nothing with the schedule "cosine"',
    )
    expect(
      refusal(
        `${minimal}compress:\n  - { method: first-order, sparsity: 0.5, when: after, fineTuneEpochs: 1 }\n`,
      ),
    ).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:4, key "compress[0].when": cannot be "after" with the method "first-order": the dense member has learned from all its examples
        Use \`when: training\`, in which some are held out.
      "
    `)
  })

  test('none of which is a default that nobody wrote', () => {
    const written = `${minimal}model: { architecture: cnn-fast }
compress:
  - { method: magnitude, sparsity: 0.5, when: after }
  - { method: random, sparsity: 0.5, when: after, fineTuneEpochs: 1, distill: {}, reweight: { strength: 2 } }
`
    expect(parsePipeline(written, 'tiny.yaml').compress).toMatchObject([
      { begin: 0.25, fineTuneEpochs: 0 },
      { distill: { temperature: 4, weight: 0.9 }, reweight: { strength: 2 } },
    ])
  })

  test('arms that would write the same files', () => {
    expect(refusal(`${withTest}retrain: { arms: [all, cleaned, all] }\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "retrain.arms[2]": names the arm "all" a second time
        Remove it.
      "
    `)
  })

  test.each(['population.crossFit=0', 'population.seeds=4'])(
    'evidence out of sample where %s leaves none',
    setting => {
      const text = `${minimal}scoring: { evidence: out-of-sample }\n`
      expect(parsePipeline(text, 'tiny.yaml').scoring.evidence).toBe('out-of-sample')
      expect(refusal(text, setting)).toContain(
        'key "scoring.evidence": "out-of-sample" needs a member for each fold',
      )
    },
  )

  test('an architecture that there is none of, before any data are read', () => {
    expect(refusal(`${minimal}model: { architecture: vgg-16 }\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "model.architecture": there is no architecture "vgg-16"
        Use one of linear, mlp, cnn-small, cnn-fast, wrn-<depth>-<width>, resnet-18, resnet-50 (each also with -small, for pictures of up to 64 pixels).
      "
    `)
  })

  test('retraining without anything to test on', () => {
    expect(refusal(`${minimal}retrain: {}\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:3, key "retrain": retraining is compared on held-out data: set \`dataset.test\` or \`dataset.testShare\`
      "
    `)
  })

  test('what is not YAML, or no pipeline', () => {
    expect(refusal('name: tiny\n  dataset: [\n')).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:1:7: is not YAML: Nested mappings are not allowed in compact mappings
      "
    `)
    expect(refusal('name: tiny\nname: again\n')).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:2:1: is not YAML: Map keys must be unique
      "
    `)
    expect(refusal('')).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml: holds no pipeline
        It starts with "name:" and "dataset:"; "pieline init" writes one to begin with.
      "
    `)
    expect(refusal('- just\n- a list\n')).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml:1: holds no pipeline
        It starts with "name:" and "dataset:"; "pieline init" writes one to begin with.
      "
    `)
  })

  test('aliases that would fill the memory', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level < 9; level++) {
      const alias = `*${String.fromCharCode(96 + level)}`
      bomb.push(
        `${String.fromCharCode(97 + level)}: &${String.fromCharCode(97 + level)} [${Array(10).fill(alias).join(', ')}]`,
      )
    }
    expect(refusal(`${minimal}${bomb.join('\n')}\n`)).toMatchInlineSnapshot(`
      "
      pipelines/tiny.yaml: its aliases cannot be resolved: Excessive alias count indicates a resource exhaustion attack
        Write the values out instead of repeating them by aliases (*name).
      "
    `)
  })

  test('keys that would reach into every object', () => {
    expect(refusal(`${minimal}__proto__: { polluted: 1 }\n`)).toContain('key "__proto__": is not a known key')
    expect(refusal(minimal, '__proto__.polluted=1')).toContain('key "__proto__": is not a known key')
    expect(refusal(minimal, 'constructor.prototype.polluted=1')).toContain(
      'key "constructor": is not a known key',
    )
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('a backbone', () => {
  const withBackbone = `${withTest}model: { backbone: nets/resnet.onnx }\n`

  test('is found beside the pipeline file, and takes linear heads unless told otherwise', () => {
    const { model } = parsePipeline(withBackbone, '/data/tiny.yaml')
    expect(model.backbone).toMatchObject({ path: '/data/nets/resnet.onnx', preprocess: 'unit', cut: false })
    expect(model.architecture).toBe('linear')
    const set = parseOverride('model.architecture=mlp')
    expect(parsePipeline(withBackbone, '/data/tiny.yaml', [set]).model.architecture).toBe('mlp')
    expect(parsePipeline(withTest, '/data/tiny.yaml').model).toMatchObject({ architecture: 'cnn-small' })
    expect(parsePipeline(withTest, '/data/tiny.yaml').model).not.toHaveProperty('backbone')
  })

  test('is refused where members see pictures', () => {
    expect(refusal(`${withBackbone}robustness: {}\n`)).toContain(
      'key "robustness": shows the members corrupted pictures, and those on a backbone see features',
    )
  })
})

test('a setting of an arm that is not trained is refused', () => {
  expect(refusal(`${withTest}retrain: { sure: 0.7 }\n`)).toContain(
    'key "retrain.sure": is about the arm relabeled-or-dropped, which is not trained',
  )
  const told = parsePipeline(
    `${withTest}retrain: { sure: 0.7, arms: [all, relabeled-or-dropped] }\n`,
    'tiny.yaml',
  )
  expect(told.retrain?.sure).toBe(0.7)
})

describe('overrides', () => {
  const load = (...set: string[]) =>
    parsePipeline(
      `${minimal}model: { epochs: 8, batchSize: 64 }\ncompress: [{ method: magnitude, sparsity: [0.5] }]\n`,
      '/data/tiny.yaml',
      set.map(parseOverride),
    )

  test('take the place of the file’s values, or add to them', () => {
    expect(load('model.epochs=3', 'population.crossFit=0').model).toMatchObject({ epochs: 3, batchSize: 64 })
    expect(load('population.crossFit=0').population.crossFit).toBe(0)
    expect(load('compress.0.sparsity=[0.3, 0.9]').compress).toMatchObject([{ sparsity: [0.3, 0.9] }])
    expect(load('compress=[]').compress).toEqual([])
  })

  test('without a value restore the default', () => {
    expect(load('model.batchSize=').model.batchSize).toBe(128)
    expect(load('compress=').compress).toEqual([])
  })

  test('start relative paths from the working folder', () => {
    expect(load('dataset.path=here.parquet').dataset.path).toBe(resolve('here.parquet'))
    expect(load('dataset.label=digit').dataset.path).toBe('/data/data')
  })

  test('are named by errors about them', () => {
    expect(refusal(minimal, 'model.epoch=3')).toMatchInlineSnapshot(`
      "
      --set model.epoch=3, key "model.epoch": is not a known key
        Did you mean "epochs"? Allowed here: architecture, backbone, width, epochs, batchSize, learningRate, schedule, warmupEpochs, stepAt, stepFactor, momentum, nesterov, weightDecay, labelSmoothing, dropout, flip, shift, lookahead.
      "
    `)
    expect(refusal(minimal, 'model.epochs=few')).toMatchInlineSnapshot(`
      "
      --set model.epochs=few, key "model.epochs": must be a number, is "few"
        Meaning: passes over the training data; may be a fraction.
      "
    `)
    expect(refusal(minimal, 'name.first=x')).toMatchInlineSnapshot(`
      "
      --set name.first=x: "name" has no keys of its own
      "
    `)
    expect(refusal(minimal, 'model')).toMatchInlineSnapshot(`
      "
      --set model: must be written key=value
        For example: --set model.epochs=3
      "
    `)
  })
})

describe('files', () => {
  test('that are missing, folders or no pipelines are told apart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pieline-load-'))
    try {
      await expect(loadPipeline(join(folder, 'none.yaml'))).rejects.toThrow('there is no such file')
      await expect(loadPipeline(folder)).rejects.toThrow('is a folder, not a pipeline file')
      const large = join(folder, 'data.bin')
      await writeFile(large, Buffer.alloc((1 << 20) + 1))
      await expect(loadPipeline(large)).rejects.toThrow('is 1048577 bytes')
      const file = join(folder, 'tiny.yaml')
      await writeFile(file, minimal)
      expect((await loadPipeline(file)).dataset.path).toBe(join(folder, 'data'))
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
