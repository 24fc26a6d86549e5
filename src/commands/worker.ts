/** `pieline worker`: makes members for runs on other machines. */
import { availableParallelism, homedir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import type { ArtefactStore } from '../pipeline/store.js'
import { clusterOption, count, examples, isOnCommandLine, jsonOption, port, storeOption } from './options.js'
import { stopOnSignals } from './stop.js'

const defaultCache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pieline')

interface Flags {
  readonly cluster: string
  readonly store: string
  readonly cache: string
  readonly workers?: number
  readonly metricsFile?: string
  readonly metricsPort?: number
  readonly json?: true
}

export function workerCommand(): Command {
  return new Command('worker')
    .description('train and ask members for the runs of a cluster, until it is stopped')
    .addOption(clusterOption().makeOptionMandatory())
    .addOption(
      storeOption(
        'what it shares with the runs: runs/store of a shared folder, or s3://bucket/prefix',
      ).makeOptionMandatory(),
    )
    .option('--cache <folder>', 'where it keeps artefacts of an object storage', defaultCache)
    .option('-w, --workers <number>', 'members side by side; all cores when absent', count)
    .option('--metrics-file <file>', 'write metrics for Prometheus after every job')
    .option('--metrics-port <port>', 'serve them on this machine', port)
    .addOption(jsonOption('log as JSON, one event a line'))
    .addHelpText(
      'after',
      examples(
        ['pieline worker --cluster redis://head:6379 --store /mnt/runs/store', 'on every machine'],
        ['pieline run --cluster redis://head:6379 --out /mnt/runs', 'on one of them'],
      ),
    )
    .addHelpText(
      'after',
      '\nA password of Redis comes from REDIS_PASSWORD, or the file that REDIS_PASSWORD_FILE names. Ctrl-C gives' +
        '\nback what it has begun, at the next safe point.',
    )
    .action(async (flags: Flags, command: Command) => {
      const [{ work }, { parseAddress }, { jsonLog, textLog }] = await Promise.all([
        import('../cluster/worker.js'),
        import('../cluster/address.js'),
        import('../log.js'),
      ])
      const { cluster, metricsFile, metricsPort } = flags
      const address = parseAddress(cluster, isOnCommandLine(command))
      const stop = stopOnSignals()
      try {
        await work(address, {
          store: await openPlace(flags),
          workers: flags.workers ?? availableParallelism(),
          signal: stop.signal,
          log: (flags.json ? jsonLog : textLog)(line => process.stdout.write(line)),
          ...(metricsFile !== undefined && { metricsFile }),
          ...(metricsPort !== undefined && { metricsPort }),
        })
      } finally {
        stop.release()
      }
    })
}

async function openPlace({ store, cache }: Flags): Promise<ArtefactStore> {
  const [{ openStore }, { sharedThrough }, { isStorageAddress }] = await Promise.all([
    import('../pipeline/store.js'),
    import('../storage/shared-store.js'),
    import('../storage/address.js'),
  ])
  return isStorageAddress(store) ? sharedThrough(store)(await openStore(cache)) : openStore(store)
}
