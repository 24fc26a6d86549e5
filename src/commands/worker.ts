/** `pieline worker`: makes members for runs on other machines. */
import { availableParallelism, homedir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { ConfigError } from '../errors.js'
import type { Log } from '../log.js'
import type { ArtefactCache } from '../pipeline/cache.js'
import type { ArtefactStore } from '../pipeline/store.js'
import {
  clusterOption,
  count,
  examples,
  isOnCommandLine,
  jsonOption,
  port,
  size,
  storeOption,
} from './options.js'
import { stopOnSignals } from './stop.js'

const defaultCache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pieline')

interface Flags {
  readonly cluster: string
  readonly store: string
  readonly cache: string
  readonly cacheLimit?: number
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
    .option('--cache-limit <size>', 'lets go there what was used longest ago, such as 20GB', size)
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
      const log = (flags.json ? jsonLog : textLog)(line => process.stdout.write(line))
      const stop = stopOnSignals()
      try {
        await work(address, {
          ...(await openPlace(flags, log)),
          workers: flags.workers ?? availableParallelism(),
          signal: stop.signal,
          log,
          ...(metricsFile !== undefined && { metricsFile }),
          ...(metricsPort !== undefined && { metricsPort }),
        })
      } finally {
        stop.release()
      }
    })
}

async function openPlace(
  { store: place, cache: folder, cacheLimit }: Flags,
  log: Log,
): Promise<{ store: ArtefactStore; cache?: ArtefactCache }> {
  const [{ openStore }, { sharedThrough }, { isStorageAddress }] = await Promise.all([
    import('../pipeline/store.js'),
    import('../storage/shared-store.js'),
    import('../storage/address.js'),
  ])
  if (!isStorageAddress(place)) {
    if (cacheLimit === undefined) return { store: await openStore(place) }
    throw new ConfigError('a store that is a folder is no cache: what is in it is needed by runs', {
      key: '--cache-limit',
      mend: 'Leave it out; "pieline prune" removes what no run needs.',
    })
  }
  const disk = await openStore(folder)
  const store = await sharedThrough(place)(disk)
  if (cacheLimit === undefined) return { store }
  const { openCache } = await import('../pipeline/cache.js')
  const cache = await openCache(disk, store, cacheLimit, outcome => {
    if ('error' in outcome) log('warn', 'cache-not-shrunk', { error: String(outcome.error) })
    else log('info', 'cache-shrunk', { ...outcome })
  })
  return { store, cache }
}
