/** `pieline run`: runs a pipeline, or goes on with one that stopped. */
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Command } from 'commander'
import type { Pipeline } from '../pipeline/config.js'
import { loadPipeline, type Override, parseOverride } from '../pipeline/load.js'
import { type ElsewhereFlags, elsewhereOf, withElsewhere } from './elsewhere.js'
import { findPipeline } from './find-pipeline.js'
import { count, examples, gather, jsonOption, outOption, seed, share } from './options.js'
import { stopOnSignals } from './stop.js'

interface RunFlags extends ElsewhereFlags {
  readonly out: string
  readonly set?: readonly string[]
  readonly limit?: number
  readonly scale?: number
  readonly seed?: number
  readonly workers?: number
  readonly verify?: true
  readonly dryRun?: true
  readonly json?: true
}

export function runCommand(): Command {
  return withElsewhere(new Command('run'))
    .description('run a pipeline: from the data set to tables, splits and a report')
    .argument('[pipeline]', 'pipeline file; ./pieline.yaml, the one in ./pipelines or the glyphs when absent')
    .addOption(outOption())
    .option('-s, --set <key=value>', 'take this value instead of the file’s; may be repeated', gather)
    .option('-n, --limit <examples>', 'read only the first training examples', count)
    .option('--scale <share>', 'shrink seeds, examples and width until the work is this share', share)
    .option('--seed <number>', 'the seed behind every other', seed)
    .option('-w, --workers <number>', 'workers side by side; all cores when absent', count)
    .option('--verify', 'hash everything that is reused, not only what changed')
    .option('--dry-run', 'say what would run, what is there already, and roughly how long it takes')
    .addOption(jsonOption('print events as JSON, one a line'))
    .addHelpText(
      'after',
      examples(
        ['pieline run', 'the pipeline found here'],
        ['pieline run glyphs.yaml --workers 4', 'a pipeline by its file'],
        ['pieline run --set model.epochs=3 --limit 2000', 'a quick look'],
        ['pieline run --dry-run', 'what would be done'],
        ['pieline run large.yaml --scale 0.01', 'a hundredth of the work'],
      ),
    )
    .addHelpText(
      'after',
      '\nCtrl-C stops at the next safe point (exit code 130), a second one at once; what is finished is kept, and' +
        '\nthe same command goes on from there. Gates of the pipeline are told at the end; "pieline check" fails by' +
        '\nthem. Exit codes: 0 done, 2 usage or configuration, 3 bad data, 4 the run failed.',
    )
    .action(async (named: string | undefined, flags: RunFlags, command: Command) => {
      const commands = command.parent?.commands.map(other => other.name()) ?? []
      const file = await findPipeline(named, commands)
      const written = await loadPipeline(file, overridesOf(flags))
      const pipeline = flags.scale === undefined ? written : await scaled(written, flags.scale)
      if (flags.dryRun) {
        const { printPlan } = await import('./dry-run.js')
        await printPlan(pipeline, flags, pipeline === written ? undefined : written)
      } else await run(pipeline, flags, await elsewhereOf(flags, command))
    })
}

async function scaled(pipeline: Pipeline, share: number): Promise<Pipeline> {
  const [{ shapeOf }, { scalePipeline }] = await Promise.all([
    import('./dataset-shape.js'),
    import('../pipeline/scale.js'),
  ])
  const { trainExamples, testExamples } = await shapeOf(pipeline.dataset)
  const read = trainExamples + (pipeline.dataset.test === undefined ? testExamples : 0)
  return scalePipeline(pipeline, share, Math.round(read))
}

function overridesOf({ set = [], limit, seed }: RunFlags): Override[] {
  const overrides = set.map(parseOverride)
  if (limit !== undefined) {
    overrides.push({ path: ['dataset', 'limit'], value: limit, origin: `--limit ${limit}` })
  }
  if (seed !== undefined) overrides.push({ path: ['seed'], value: seed, origin: `--seed ${seed}` })
  return overrides
}

async function run(
  pipeline: Pipeline,
  flags: RunFlags,
  elsewhere: Awaited<ReturnType<typeof elsewhereOf>>,
): Promise<void> {
  const [{ runPipeline }, { stages }, { fingerprint }, { jsonReporter, reporterFor }] = await Promise.all([
    import('../pipeline/runner.js'),
    import('../pipeline/stages.js'),
    import('../dataset/fingerprint.js'),
    import('../terminal/progress.js'),
  ])
  const reporter = flags.json ? jsonReporter(process.stdout) : reporterFor(process.stderr)
  const stop = stopOnSignals()
  try {
    const { folder, manifest } = await runPipeline(pipeline, {
      stages,
      fingerprint,
      out: flags.out,
      ...(flags.workers !== undefined && { workers: flags.workers }),
      verify: flags.verify ?? false,
      signal: stop.signal,
      observe: reporter.observe,
      ...elsewhere,
    })
    reporter.end()
    // It is `pieline check` that fails by them.
    const { checkAndNote } = await import('../gates/check.js')
    const checked = pipeline.gates && (await checkAndNote({ folder, manifest }))
    if (flags.json) {
      if (checked) console.log(JSON.stringify({ event: 'gates-checked', ...checked.verdict }))
      return
    }
    const { closingTables } = await import('../terminal/figures.js')
    const { styleFor } = await import('../terminal/style.js')
    const style = styleFor(process.stdout)
    const page = join(folder, 'report.html')
    console.log(`\n${closingTables(manifest, style)}`)
    if (checked) {
      const { verdictText } = await import('../terminal/verdict.js')
      console.log(`\n${verdictText(checked.verdict, style)}`)
    }
    console.log(
      `\n  ${style('bold', existsSync(page) ? 'report' : 'run')}  ${relative('.', existsSync(page) ? page : folder)}`,
    )
  } finally {
    reporter.end()
    stop.release()
  }
}
