/** `pieline worker`: makes members for runs on other machines. */
import { availableParallelism } from 'node:os'
import { Command } from 'commander'
import { clusterOption, count, examples, isOnCommandLine, jsonOption } from './options.js'
import { stopOnSignals } from './stop.js'

interface Flags {
  readonly cluster: string
  readonly store: string
  readonly workers?: number
  readonly json?: true
}

export function workerCommand(): Command {
  return new Command('worker')
    .description('train and ask members for the runs of a cluster, until it is stopped')
    .addOption(clusterOption().makeOptionMandatory())
    .requiredOption(
      '--store <folder>',
      'the store that it shares with the runs: runs/store of a shared folder',
    )
    .option('-w, --workers <number>', 'members side by side; all cores when absent', count)
    .addOption(jsonOption('log as JSON, one message a line'))
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
    .action(async ({ cluster, store, workers = availableParallelism(), json }: Flags, command: Command) => {
      const [{ work }, { openStore }, { addressText, parseAddress }] = await Promise.all([
        import('../cluster/worker.js'),
        import('../pipeline/store.js'),
        import('../cluster/address.js'),
      ])
      const address = parseAddress(cluster, isOnCommandLine(command))
      const stop = stopOnSignals()
      const log = (message: string) => {
        const time = new Date().toISOString()
        console.log(json ? JSON.stringify({ time, message }) : `${time} ${message}`)
      }
      try {
        await work(address, {
          store: await openStore(store),
          workers,
          signal: stop.signal,
          log,
          onReady: () => log(`takes jobs from ${addressText(address)}, ${workers} at a time`),
        })
      } finally {
        stop.release()
      }
    })
}
