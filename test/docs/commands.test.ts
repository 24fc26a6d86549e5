/**
 * Every command that the documentation shows works: it is run, on small data, in the folder that its page is about; where
 * that needs what a test does not have, the page says so (`<!-- not run: … -->`, which no reader sees), and the real
 * parser of the command line takes it apart instead.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pLimit from 'p-limit'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { writeLetters } from '../../docs/make-letters.js'
import { pipelineSchema } from '../../src/pipeline/config.js'
import { findRun } from '../../src/pipeline/runs.js'
import { openReview } from '../../src/review/review.js'
import {
  argumentsOf,
  blocksOf,
  commandsOf,
  faultOf,
  inlineCommandsOf,
  nameFault,
  pages,
  root,
  strayCommands,
} from './commands.js'

const shown = pages.flatMap(page => blocksOf(page).flatMap(commandsOf))
const run = shown.filter(({ notRun }) => notRun === undefined)
const notRun = shown.filter(command => command.notRun !== undefined)

let shared: string
beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'pieline-docs-'))
  await mkdir(join(shared, 'bin'))
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  await program(
    'pieline',
    `exec "${process.execPath}" --import "${loader}" "${join(root, 'src/cli.ts')}" "$@"`,
  )
  // A browser is outside of what is tested: what it would be told to open is noted.
  await program('xdg-open', `echo "$1" >> "${join(shared, 'opened')}"`)
})
afterAll(() => rm(shared, { recursive: true, force: true }))

async function program(name: string, shell: string): Promise<void> {
  const path = join(shared, 'bin', name)
  await writeFile(path, `#!/bin/sh\n${shell}\n`)
  await chmod(path, 0o755)
}

interface Outcome {
  readonly code: number | null
  readonly said: string
}

/** Runs a command as somebody at a terminal does who ends a server by Ctrl-C once the page was looked at. */
async function runShell(folder: string, shell: string, visit = visitReview): Promise<Outcome> {
  const child = spawn('bash', ['-c', shell], {
    cwd: folder,
    env: {
      ...process.env,
      PATH: `${join(shared, 'bin')}:${process.env.PATH}`,
      NO_COLOR: '1',
      COLUMNS: '120',
      GITHUB_STEP_SUMMARY: '',
      // Where docs/scheduling.md tells of runs; what it shows has nothing to tell.
      PIELINE_WEBHOOK: 'http://127.0.0.1:9/',
      PIELINE_WEBHOOK_SECRET: 'secret',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let said = ''
  let visited: Promise<void> | undefined
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (visited === undefined && said.includes('Ctrl-C ends it')) {
        const address = /^open (\S+)$/m.exec(said)![1]
        visited = visit(address).finally(() => process.kill(-child.pid!, 'SIGINT'))
      }
    })
  }
  const [code, signal] = await once(child, 'close')
  await visited
  // The server ends well by Ctrl-C, npx around it by the signal.
  return { code: visited !== undefined && signal === 'SIGINT' ? 0 : code, said }
}

/** Takes the most suspicious example out. */
async function visitReview(address: string): Promise<void> {
  const { origin } = new URL(address)
  const entry = await fetch(address, { redirect: 'manual' })
  const cookie = entry.headers
    .getSetCookie()
    .map(set => set.split(';')[0])
    .join('; ')
  const page = await fetch(origin, { headers: { cookie } })
  expect(page.status).toBe(200)
  const saved = await fetch(`${origin}/api/decide`, {
    method: 'POST',
    headers: { cookie, origin, 'content-type': 'application/json' },
    body: JSON.stringify({ rows: [0], action: 'drop' }),
  })
  expect({ status: saved.status, text: saved.ok ? '' : await saved.text() }).toMatchObject({ status: 200 })
}

/** What the folder of a page holds before its commands are run, and what people do between them. */
interface Place {
  prepare(folder: string): Promise<void>
  /** By the beginning of the command before which it is done. */
  readonly between?: Readonly<Record<string, (folder: string) => Promise<void>>>
}

const classes = 3
const perClass = 12

/** Letters of 12 × 12 pixels, a folder a class. */
async function smallLetters(folder: string, part: 'train' | 'test' = 'train'): Promise<void> {
  await writeLetters(folder, part, perClass, classes)
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith('.png')) continue
    const path = join(folder, name)
    await writeFile(
      path,
      await sharp(await readFile(path))
        .resize(12)
        .png()
        .toBuffer(),
    )
  }
}

/** The pipeline that `init` wrote, for as few and short trainings as show that the commands work. */
async function shorten(folder: string): Promise<void> {
  const path = join(folder, 'pieline.yaml')
  const written = await readFile(path, 'utf8')
  await writeFile(
    path,
    written.replace(/epochs: \d+/, 'epochs: 2').replace(/(seeds|crossFit): \d+/g, '$1: 2'),
  )
}

const shortRun = { 'npx pieline run': shorten }

/** A folder that is made once, and of which every page gets a copy. */
function copiesOf(make: () => Promise<string>): Place {
  let made: Promise<string> | undefined
  return {
    async prepare(folder) {
      made ??= make()
      await cp(await made, folder, { recursive: true, verbatimSymlinks: true })
    },
  }
}

/** The run that `docs/your-own-data.md` makes, which most pages are about. */
const copyOfLetters = copiesOf(() => visitPage('docs/your-own-data.md', 'letters'))

/** A run with more levels, and with corrupted pictures. */
const copyOfLevels = copiesOf(async () => {
  const folder = join(shared, 'levels')
  await smallLetters(join(folder, 'letters'))
  await writeFile(
    join(folder, 'pieline.yaml'),
    `name: levels
dataset: { path: letters, testShare: 0.4 }
model: { architecture: cnn-small, width: 0.1, epochs: 1 }
population: { seeds: 2 }
inspect: false
compress: [{ method: magnitude, sparsity: [0.5, 0.9] }, { method: int8-dynamic }]
robustness: { examples: 4, severities: [3], corruptions: [gaussian_noise, brightness, gaussian_blur] }
`,
  )
  await pieline(folder, 'run')
  return folder
})

async function decide(folder: string): Promise<void> {
  const review = await openReview(await findRun(join(folder, 'runs')), 'Ada')
  await review.decide([
    [0, { action: 'drop' }],
    [1, { action: 'relabel', label: 'suggested' }],
    [2, { action: 'keep' }],
  ])
  await review.close()
}

/** Two features of three classes; the labels of some rows are those of another one. */
async function writeCsv(path: string, rows: number, wrong: number): Promise<void> {
  const lines = Array.from({ length: rows }, (_, row) => {
    const label = row % classes
    const [x, y] = [Math.sin(row * 12.9898) * 0.4 + label * 3, Math.cos(row * 78.233) * 0.4 - label * 3]
    const given = row < wrong ? (label + 1) % classes : label
    return `${row},${x.toFixed(4)},${y.toFixed(4)},${'abc'[given]}`
  })
  await writeFile(path, `id,x,y,label\n${lines.join('\n')}\n`)
}

async function pieline(folder: string, args: string): Promise<void> {
  const { code, said } = await runShell(folder, `pieline ${args}`)
  expect({ args, code, said }).toMatchObject({ code: 0 })
}

const tiny =
  'dataset: { path: data.csv, testShare: 0.2, id: id }\nmodel: { architecture: mlp, epochs: 2, batchSize: 16 }'

const predictions = join(root, 'test/predictions/fixtures')

async function copyFixtures(folder: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) await cp(join(predictions, name), join(folder, name))
}

const places: Readonly<Record<string, Place>> = {
  'README.md': { prepare: folder => smallLetters(join(folder, 'images')), between: shortRun },
  'docs/your-own-data.md': { prepare: folder => smallLetters(join(folder, 'letters')), between: shortRun },
  'docs/tutorial.md': {
    async prepare(folder) {
      await smallLetters(join(folder, 'letters/train'))
      await smallLetters(join(folder, 'letters/test'), 'test')
    },
    between: shortRun,
  },
  'docs/apply.md': {
    async prepare(folder) {
      await copyOfLetters.prepare(folder)
      await decide(folder)
    },
  },
  'docs/review.md': {
    ...copyOfLetters,
    between: {
      async 'pieline review --import'(folder) {
        const csv = await readFile(join(folder, 'suspects.csv'), 'utf8')
        const [header, first, ...rest] = csv.split('\n')
        const action = header.split(',').indexOf('action')
        const cells = first.split(',')
        cells[action] = 'keep'
        await writeFile(join(folder, 'suspects.csv'), [header, cells.join(','), ...rest].join('\n'))
      },
    },
  },
  'docs/interop.md': {
    ...copyOfLetters,
    between: {
      async 'pieline apply'(folder) {
        const [task, ...rest] = JSON.parse(await readFile(join(folder, 'ls/tasks.json'), 'utf8'))
        const choices = ['A', 'B'].filter(name => name !== task.data.given).slice(0, 1)
        const annotated = {
          ...task,
          id: 1,
          annotations: [{ completed_by: 1, result: [{ type: 'choices', value: { choices } }] }],
        }
        const untouched = rest.map((other: object) => ({ ...other, annotations: [] }))
        await writeFile(join(folder, 'project-1.json'), JSON.stringify([annotated, ...untouched]))
      },
    },
  },
  'docs/compare.md': copyOfLevels,
  'docs/compression.md': copyOfLevels,
  'docs/robustness.md': copyOfLevels,
  'docs/diff.md': {
    async prepare(folder) {
      for (const [name, rows, wrong] of [
        ['monday', 120, 12],
        ['tuesday', 135, 3],
      ] as const) {
        await writeCsv(join(folder, 'data.csv'), rows, wrong)
        await writeFile(join(folder, `${name}.yaml`), `name: ${name}\n${tiny}\npopulation: { seeds: 2 }\n`)
        await pieline(folder, `run ${name}.yaml`)
      }
    },
  },
  'docs/scheduling.md': {
    async prepare(folder) {
      await writeCsv(join(folder, 'data.csv'), 150, 30)
      const [yaml] = blocksOf('docs/scheduling.md').filter(({ language }) => language === 'yaml')
      await writeFile(join(folder, 'nightly.yaml'), yaml.text)
      await pieline(folder, 'run nightly.yaml --set model.epochs=10')
    },
    between: {
      'pieline schedule': folder => writeCsv(join(folder, 'data.csv'), 150, 0),
    },
  },
  'docs/several-annotators.md': { prepare: folder => copyFixtures(folder, 'logistic.npy', 'crowd.csv') },
  'docs/not-only-images.md': { prepare: folder => copyFixtures(folder, 'tags.npy', 'tags.csv') },
  'docs/score-predictions.md': {
    async prepare(folder) {
      for (const name of ['logistic.npy', 'labels.csv']) await cp(join(predictions, name), join(folder, name))
      for (const level of ['dense', 'sparse']) {
        await mkdir(join(folder, level))
        for (const [seed, name] of ['logistic.npy', 'neighbours.npy'].entries()) {
          await cp(join(predictions, name), join(folder, level, `${seed}.npy`))
        }
      }
      const logits = Array.from(
        { length: 1797 },
        (_, row) => `${row === 3 ? '.5,-1,1.5,' : '.5,.25,.25,'}0,0,0,0,0,0,0`,
      )
      await writeFile(join(folder, 'logits.csv'), `0,1,2,3,4,5,6,7,8,9\n${logits.join('\n')}\n`)
    },
  },
}

/** Runs the commands of a page in a folder of its own. @returns the folder */
async function visitPage(page: string, name = page.replace(/\W/g, '-')): Promise<string> {
  const { prepare, between = {} } = places[page] ?? copyOfLetters
  const folder = join(shared, name)
  await mkdir(folder)
  await prepare(folder)
  await mkdir(join(folder, 'node_modules/.bin'), { recursive: true })
  await symlink(join(shared, 'bin/pieline'), join(folder, 'node_modules/.bin/pieline')).catch(() => {})
  for (const { shell, output, line } of run.filter(command => command.page === page)) {
    const deed = Object.entries(between).find(([start]) => shell.startsWith(start))
    await deed?.[1](folder)
    const { code, said } = await runShell(folder, shell)
    const fails = /^error /m.test(output)
    expect(code !== 0, `${page}:${line}: ${shell}\nends with ${code}:\n${said}`).toBe(fails)
  }
  return folder
}

describe('commands in the documentation', () => {
  const limit = pLimit(2)
  const visited = [...new Set(run.map(({ page }) => page))]

  test.concurrent.each(visited)(
    'those of %s run',
    page =>
      limit(async () => {
        if (page !== 'docs/your-own-data.md') await visitPage(page)
        else await copyOfLetters.prepare(join(shared, 'copy'))
      }),
    // Beside much other work, each waits for those before it.
    3_600_000,
  )

  test.each(notRun.map(command => [`${command.page}:${command.line}`, command] as const))(
    '%s, which is not run, is one',
    async (_, { shell, notRun }) => {
      expect(await faultsOf(shell, faultOf)).toEqual([])
      expect(notRun!.length).toBeGreaterThan(10)
    },
  )

  test.each(pages)('what %s names in its text is there', async page => {
    for (const { shell, line } of inlineCommandsOf(page)) {
      expect(await faultsOf(shell, nameFault), `${page}:${line}: ${shell}`).toEqual([])
    }
  })

  test('all of them are either run or checked, and most are run', () => {
    const strays = pages
      .flatMap(blocksOf)
      .flatMap(block => strayCommands(block).map(line => `${block.page}: ${line}`))
    expect(strays, 'commands belong into blocks of sh or console').toEqual([])
    console.log(
      `${run.length} commands of ${visited.length} pages run, ${notRun.length} are checked only, ${pages.flatMap(inlineCommandsOf).length} in the text`,
    )
    expect(run.length).toBeGreaterThan(notRun.length)
  })
})

async function faultsOf(
  shell: string,
  judge: (call: readonly string[]) => Promise<string | undefined>,
): Promise<string[]> {
  const faults: string[] = []
  for (const call of argumentsOf(shell, shared)) {
    const fault = await judge(call)
    if (fault !== undefined) faults.push(`${call.join(' ')}: ${fault}`)
  }
  return faults
}

test.each(
  pages
    .flatMap(blocksOf)
    .flatMap(({ page, line, language, text }) =>
      language === 'yaml' ? [[`${page}:${line}`, text] as const] : [],
    ),
)('the settings of %s are known', (_, text) => {
  const { name = 'shown', dataset, ...rest } = parse(text)
  const settings = {
    name,
    dataset: { path: 'data', ...(dataset?.test === undefined && { testShare: 0.2 }), ...dataset },
    ...rest,
  }
  expect(pipelineSchema.safeParse(settings).error?.issues).toBeUndefined()
})
