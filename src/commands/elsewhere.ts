/** What runs share with other machines, by the options `--cluster` and `--store`. */
import type { Command } from 'commander'
import type { RunnerOptions } from '../pipeline/runner.js'
import { clusterOption, isOnCommandLine, storeOption } from './options.js'

export interface ElsewhereFlags {
  readonly cluster?: string
  readonly store?: string
}

/** Adds both options to a command that runs pipelines. */
export const withElsewhere = (command: Command): Command =>
  command
    .addOption(clusterOption())
    .addOption(storeOption('object storage that shares what is made, s3://bucket/prefix'))

/** @throws ConfigError if an address is none */
export async function elsewhereOf(
  { cluster, store }: ElsewhereFlags,
  command: Command,
): Promise<Pick<RunnerOptions, 'cluster' | 'share'>> {
  return {
    ...(cluster !== undefined && {
      cluster: (await import('../cluster/store.js')).clusterAt(cluster, isOnCommandLine(command)),
    }),
    ...(store !== undefined && {
      share: (await import('../storage/shared-store.js')).sharedThrough(store),
    }),
  }
}
