/** `pieline prune`: removes old runs, and what no run needs any more. */
import { Command } from 'commander'
import { listAllRuns } from '../pipeline/runs.js'
import { bytes, counted } from '../report/format.js'
import { count, examples, jsonOption, outOption } from './options.js'

interface Flags {
  readonly out: string
  readonly runs?: number
  readonly days?: number
  readonly dryRun?: true
  readonly json?: true
}

export function pruneCommand(): Command {
  return new Command('prune')
    .description('remove old runs by their retention, and artefacts that no run needs')
    .argument('[pipelines...]', 'names; all when absent')
    .addOption(outOption())
    .option('--runs <number>', 'keep the newest runs of each, in the place of `keep`', count)
    .option('--days <number>', 'keep the runs of so many days, in the place of `keep`', count)
    .option('--dry-run', 'say what would go')
    .addOption(jsonOption('print what went as JSON'))
    .addHelpText(
      'after',
      examples(
        ['pieline prune --dry-run', 'what would go by each pipeline’s `keep`'],
        ['pieline prune glyphs --runs 5', 'all runs of glyphs but the newest five'],
      ),
    )
    .addHelpText(
      'after',
      '\nA run stays that either limit keeps; the newest, the newest finished and the newest good one stay always,' +
        '\nand so do runs that go on. Artefacts stay that any run in the folder needs.',
    )
    .action(async (names: readonly string[], { out, runs, days, dryRun, json }: Flags) => {
      const [{ prune }, { runsToRemove }] = await Promise.all([
        import('../pipeline/prune.js'),
        import('../schedule/retention.js'),
      ])
      const newest = new Map<string, Retained>()
      for (const { manifest } of (await listAllRuns(out)).reverse())
        newest.set(manifest.pipeline, manifest.config)
      const asked =
        runs === undefined && days === undefined
          ? undefined
          : { ...(runs !== undefined && { runs }), ...(days !== undefined && { days }) }
      const expired = []
      for (const [name, { keep }] of newest) {
        if (names.length > 0 && !names.includes(name)) continue
        expired.push(...(await runsToRemove(out, name, asked ?? keep)))
      }
      const pruned = await prune(out, expired, { dryRun: dryRun ?? false })
      const ids = pruned.runs.map(({ manifest }) => `${manifest.pipeline}/${manifest.run}`)
      if (json) {
        console.log(JSON.stringify({ runs: ids, artefacts: pruned.artefacts, bytes: pruned.bytes }))
        return
      }
      for (const id of ids) console.log(`  ${id}`)
      const what = `${counted(pruned.runs.length, 'run')} and ${counted(pruned.artefacts, 'artefact')}`
      console.log(dryRun ? `${what} would go.` : `${what} removed, ${bytes(pruned.bytes)} freed.`)
    })
}

/** What is read of a run's configuration here. */
interface Retained {
  readonly keep?: { readonly runs?: number; readonly days?: number }
}
