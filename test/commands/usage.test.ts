import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createProgram } from '../../src/program.js'
import { pieline } from './cli.js'

const commands = createProgram().commands.map(command => ({ name: command.name(), command }))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pieline-cli-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('help', () => {
  test('of the program lists the commands', async () => {
    const { code, stdout } = await pieline(folder, '--help')
    expect(code).toBe(0)
    for (const { name } of commands) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
  })

  test.each(commands)('of $name has an example', ({ name, command }) => {
    let help = ''
    command.configureOutput({
      writeOut: text => {
        help += text
      },
    })
    command.outputHelp()
    expect(help).toContain(`Usage: pieline ${name}`)
    expect(help.split('Examples:\n')[1]).toMatch(new RegExp(`^  .*pieline ${name}`))
    expect(help).toContain('--json')
  })
})

describe('mistakes end with exit code 2 and what was meant', () => {
  const mistakes: [string[], string][] = [
    [['staus'], 'Did you mean "pieline status"?'],
    [['run', '--sead', '3'], '(Did you mean --seed?)'],
    [['run', '--workers', 'many'], 'It must be a whole number from 1.'],
    [['run', '--set', 'epochs'], 'For example: --set model.epochs=3'],
    [['init', '--output', 'x'], 'All options: pieline init --help'],
    [['query'], "missing required argument 'sql'"],
    [['status'], 'there are no runs here'],
    [['worker', '--cluster', 'redis://x', '--store', 's', '--cache-limit', '20'], 'It must be a size'],
    [['worker', '--cluster', 'redis://x', '--store', 's', '--cache-limit', '2GB'], 'a folder is no cache'],
    [['schedule', 'x.yaml', '--store', 'models'], 'this is no address of a bucket'],
    [['schedule', 'x.yaml', '--cluster', 'head'], 'this is no address of a Redis'],
    [['init', 'nowhere'], 'nowhere: there is no such file or folder'],
    [['init', '.'], 'no data set was found here'],
  ]
  test.each(mistakes)('%j', async (args, words) => {
    const { code, stdout, stderr } = await pieline(folder, ...args)
    expect(stderr).toContain(words)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(code).toBe(2)
    expect(stdout).toBe('')
  })

  test('a pipeline file at fault is named with line, key and mend, for machines too', async () => {
    const text = 'name: x\ndataset: { path: data.csv }\nmodel:\n  epoch: 3\n'
    await writeFile(join(folder, 'wrong.yaml'), text)
    const { code, stdout, stderr } = await pieline(folder, 'run', 'wrong.yaml', '--json')
    expect(code).toBe(2)
    expect(stderr).toContain('error wrong.yaml:4, key "model.epoch": is not a known key')
    expect(JSON.parse(stdout)).toMatchObject({
      event: 'error',
      name: 'ConfigError',
      file: 'wrong.yaml:4',
      key: 'model.epoch',
      mend: expect.stringContaining('Did you mean "epochs"?'),
      exitCode: 2,
    })
  })

  test('--debug shows where an error comes from', async () => {
    const { stderr } = await pieline(folder, 'run', 'missing.yaml', '--debug')
    expect(stderr).toContain('missing.yaml: there is no such file')
    expect(stderr).toMatch(/^\s+at .*find-pipeline/m)
  })
})

test('bad data end with exit code 3, the file and the row', async () => {
  await writeFile(join(folder, 'bad.csv'), 'x,y,label\n1,2,a\n1,2,b\n3,,a\n5,6,b\n')
  await writeFile(join(folder, 'bad.yaml'), 'name: bad\ndataset: { path: bad.csv }\n')
  const { code, stderr } = await pieline(folder, 'run', 'bad.yaml')
  expect(stderr).toMatch(/error .*bad\.csv, row 2, key "y": the feature is missing or no number/)
  expect(code).toBe(3)
})

test('a run that cannot write its files says so', async () => {
  await mkdir(join(folder, 'full'))
  await writeFile(join(folder, 'full', 'runs'), 'a file where a folder should be')
  await writeFile(join(folder, 'full', 'd.csv'), 'x,label\n1,a\n2,b\n')
  await writeFile(join(folder, 'full', 'd.yaml'), 'name: d\ndataset: { path: d.csv }\n')
  const { code, stderr } = await pieline(join(folder, 'full'), 'run', 'd.yaml')
  expect(stderr).toContain('runs')
  expect(stderr).not.toContain('mistake in pieline')
  expect(code).toBe(4)
})

test('doctor says what this machine can do', async () => {
  const { code, stdout } = await pieline(folder, 'doctor', '--json')
  const { findings } = JSON.parse(stdout) as { findings: { name: string; state: string; found: string }[] }
  const found = Object.fromEntries(findings.map(finding => [finding.name, finding]))
  expect(Object.keys(found)).toEqual([
    'pieline',
    'node',
    'cores',
    'memory',
    'tensorflow.js',
    'onnxruntime',
    'sharp',
    'disk',
  ])
  expect(found.node.found).toContain(process.versions.node)
  expect(found.onnxruntime).toMatchObject({ state: 'good' })
  expect(Number(/([\d.]+) GFLOP\/s/.exec(found.onnxruntime.found)?.[1])).toBeGreaterThan(0)
  expect(code).toBe(0)
})
