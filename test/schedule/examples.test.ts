/** What docs/scheduling offers for copying: each file is what its reader takes, and starts pieline as it can be started. */
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { parsePipeline } from '../../src/pipeline/load.js'
import { createProgram } from '../../src/program.js'

const docs = join(import.meta.dirname, '../../docs')
const example = (name: string) => readFile(join(docs, 'scheduling', name), 'utf8')

/** Fails unless the program has the command with these options. */
function expectCommand(words: readonly string[]): void {
  const [name, ...args] = words
  const command = createProgram().commands.find(candidate => candidate.name() === name)
  expect(command, name).toBeDefined()
  expect(command!.parseOptions(args).unknown).toEqual([])
}

test('the GitHub workflow runs, checks, and keeps what the next run needs', async () => {
  const step = z.union([
    z.strictObject({ uses: z.string(), with: z.object().optional(), if: z.string().optional() }),
    z.strictObject({ run: z.string(), if: z.string().optional() }),
  ])
  const workflow = z
    .strictObject({
      name: z.string(),
      on: z.strictObject({
        schedule: z.array(z.strictObject({ cron: z.string() })),
        pull_request: z.strictObject({ paths: z.array(z.string()) }),
        workflow_dispatch: z.null(),
      }),
      permissions: z.strictObject({ contents: z.literal('read') }),
      concurrency: z.strictObject({ group: z.string(), 'cancel-in-progress': z.boolean() }),
      jobs: z.strictObject({
        check: z.strictObject({
          'runs-on': z.string(),
          'timeout-minutes': z.number(),
          steps: z.array(step),
        }),
      }),
    })
    .parse(parse(await example('github-actions.yaml')))
  const commands = workflow.jobs.check.steps.flatMap(step =>
    'run' in step && step.run.startsWith('npx pieline ') ? [step.run.split(' ').slice(2)] : [],
  )
  expect(commands.map(([name]) => name)).toEqual(['run', 'check', 'prune'])
  for (const command of commands) expectCommand(command)
})

test('the Kubernetes CronJob lets no two runs overlap and tries no failed gate again', async () => {
  const container = z.object({ name: z.string(), image: z.string(), command: z.array(z.string()) })
  const job = z
    .object({
      apiVersion: z.literal('batch/v1'),
      kind: z.literal('CronJob'),
      spec: z.object({
        schedule: z.string(),
        timeZone: z.string(),
        concurrencyPolicy: z.literal('Forbid'),
        jobTemplate: z.object({
          spec: z.object({
            podFailurePolicy: z.object({
              rules: z.array(
                z.object({
                  action: z.literal('FailJob'),
                  onExitCodes: z.object({
                    containerName: z.string(),
                    operator: z.literal('In'),
                    values: z.array(z.number()),
                  }),
                }),
              ),
            }),
            template: z.object({
              spec: z.object({ restartPolicy: z.literal('Never'), containers: z.array(container) }),
            }),
          }),
        }),
      }),
    })
    .parse(parse(await example('cronjob.yaml')))
  const { podFailurePolicy, template } = job.spec.jobTemplate.spec
  const [{ name, command }] = template.spec.containers
  const [{ onExitCodes }] = podFailurePolicy.rules
  expect(onExitCodes.containerName).toBe(name)
  expect(onExitCodes.values).toContain(1)
  expect(command[0]).toBe('pieline')
  expectCommand(command.slice(1))
})

describe('systemd', () => {
  const units = ['pieline.service', 'pieline.timer', 'pieline-scheduler.service']
  const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0

  test.runIf(hasSystemd).each(units)('takes %s', unit => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', join(docs, 'scheduling', unit)], {
      encoding: 'utf8',
    })
    expect({ status, about: stderr.split('\n').filter(line => line.includes(unit)) }).toEqual({
      status: 0,
      about: [],
    })
  })

  test.each(units.filter(unit => unit.endsWith('.service')))(
    '%s starts a command that there is',
    async unit => {
      const [, line] = /^ExecStart=\/usr\/bin\/env pieline (.*)$/m.exec(await example(unit)) ?? []
      expectCommand(line.split(' '))
    },
  )
})

test('the pipeline in the text is one, and all that it keeps secret is in the environment of the units', async () => {
  const page = await readFile(join(docs, 'scheduling.md'), 'utf8')
  const [, yaml] = /```yaml\n(name: [\s\S]*?)```/.exec(page) ?? []
  const pipeline = parsePipeline(yaml, 'pieline.yaml')
  expect(pipeline).toMatchObject({ gates: expect.any(Array), schedule: {}, keep: {} })
  const names = [...yaml.matchAll(/env: (\w+)/g)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(0)
  for (const file of ['pieline.service', 'cronjob.yaml']) {
    for (const name of names) expect(await example(file)).toContain(name)
  }
})
