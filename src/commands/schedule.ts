/** `pieline schedule`: runs pipelines when they are due, and says what is new. */
import { Command } from 'commander'
import { GateError, RunError } from '../errors.js'
import { type ElsewhereFlags, elsewhereOf, withElsewhere } from './elsewhere.js'
import { count, examples, jsonOption, outOption, port } from './options.js'
import { stopOnSignals } from './stop.js'

interface Flags extends ElsewhereFlags {
  readonly out: string
  readonly once?: true
  readonly workers?: number
  readonly metricsFile?: string
  readonly metricsPort?: number
  readonly json?: true
}

export function scheduleCommand(): Command {
  return withElsewhere(new Command('schedule'))
    .description('run pipelines when they are due, compare each run with the last good one, and tell')
    .argument('<pipelines...>', 'pipeline files with a `schedule`')
    .addOption(outOption())
    .option('--once', 'give each a turn now and end, for a timer of the system or a job of a cluster')
    .option('-w, --workers <number>', 'workers side by side; all cores when absent', count)
    .option('--metrics-file <file>', 'write metrics for Prometheus after every run')
    .option('--metrics-port <port>', 'serve them on this machine while it goes on', port)
    .addOption(jsonOption('log as JSON, one event a line'))
    .addHelpText(
      'after',
      examples(
        ['pieline schedule pipelines/*.yaml --json', 'until it is stopped'],
        ['pieline schedule pieline.yaml --once', 'from a timer: exit code 1 where a gate fails'],
        ['pieline schedule pieline.yaml --metrics-port 9464', 'with metrics'],
        ['pieline schedule pieline.yaml --store s3://models/pieline', 'what is made is shared'],
      ),
    )
    .action(async (files: readonly string[], flags: Flags, command: Command) => {
      const [{ schedule, runOnce }, { jsonLog, textLog }] = await Promise.all([
        import('../schedule/scheduler.js'),
        import('../log.js'),
      ])
      const elsewhere = await elsewhereOf(flags, command)
      const stop = stopOnSignals()
      const options = {
        out: flags.out,
        signal: stop.signal,
        ...elsewhere,
        log: (flags.json ? jsonLog : textLog)(line => process.stdout.write(line)),
        ...(flags.workers !== undefined && { workers: flags.workers }),
        ...(flags.metricsFile !== undefined && { metricsFile: flags.metricsFile }),
        ...(flags.metricsPort !== undefined && { metricsPort: flags.metricsPort }),
      }
      try {
        if (!flags.once) return await schedule(files, options)
        const results = await runOnce(files, options)
        for (const result of results) if (result.outcome === 'failed') throw result.error
        const closed = results.filter(({ outcome }) => outcome === 'gate').length
        if (closed > 0) throw new GateError(`gates failed in ${closed} of ${results.length} pipelines`)
        if (results.some(({ outcome }) => outcome === 'skipped')) {
          throw new RunError('another process has the turn', { mend: 'Try again when it is done.' })
        }
      } catch (error) {
        // Being stopped is how a scheduler ends.
        if (!flags.once && stop.signal.aborted) return
        throw error
      } finally {
        stop.release()
      }
    })
}
