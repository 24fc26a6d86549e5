/** `pieline status`: how far a run is, and which runs there are. */
import { Command, Option } from 'commander'
import { ConfigError } from '../errors.js'
import type { Manifest } from '../pipeline/manifest.js'
import { findRun, isAbandoned, listAllRuns, type Run } from '../pipeline/runs.js'
import { counted } from '../report/format.js'
import { headlinesOf } from '../stages/headlines.js'
import { duration } from '../terminal/duration.js'
import { type Style, styleFor } from '../terminal/style.js'
import { table } from '../terminal/table.js'
import { watch as watchText } from '../terminal/watch.js'
import { examples, jsonOption, outOption, port } from './options.js'

/** Runs listed unless `--all` asks for more. */
const listed = 8

interface Flags {
  readonly out: string
  readonly all?: true
  readonly json?: true
  /** True: the address is in PIELINE_CLUSTER. */
  readonly cluster?: string | true
  readonly watch?: true
  readonly page?: true
  readonly port: number
}

export function statusCommand(): Command {
  return new Command('status')
    .description('show how far a run is, and which runs there are')
    .argument('[run]', 'run id, pipeline name or run folder; the newest run when absent')
    .addOption(outOption())
    .option('-a, --all', 'list all runs')
    .option('--cluster [address]', 'the queue and the workers of a cluster; PIELINE_CLUSTER without address')
    .option('--watch', 'draw it anew every second, until Ctrl-C')
    .addOption(
      new Option('--page', 'show the cluster as a page on this machine, until Ctrl-C').conflicts([
        'watch',
        'json',
      ]),
    )
    .option('--port <port>', 'port of the page; any that is free when absent', port, 0)
    .addOption(jsonOption('print the manifest, with the list of runs, or the state of the cluster as JSON'))
    .addHelpText(
      'after',
      examples(
        ['pieline status', 'the newest run'],
        ['pieline status glyphs', 'the newest run of a pipeline'],
        ['pieline status --json | jq .run.status', 'for a script'],
        ['pieline status --watch --cluster redis://head:6379', 'what the workers do'],
        ['pieline status --page --cluster redis://head:6379', 'the same in the browser'],
      ),
    )
    .action(async (name: string | undefined, flags: Flags) => {
      if (flags.cluster !== undefined) return showCluster(flags.cluster, flags)
      if (flags.page) {
        throw new ConfigError('there is a page for clusters alone', {
          key: '--page',
          mend: 'Name the Redis of the cluster with --cluster.',
        })
      }
      const { out, all, json, watch } = flags
      const run = await findRun(out, name)
      const runs = await listAllRuns(out)
      if (json) {
        const list = runs.map(({ folder, manifest }) => ({
          run: manifest.run,
          pipeline: manifest.pipeline,
          status: statusOf(manifest),
          folder,
        }))
        console.log(
          JSON.stringify({ run: { ...run.manifest, status: statusOf(run.manifest) }, runs: list }, null, 2),
        )
        return
      }
      const style = styleFor(process.stdout)
      if (watch) {
        const follow = async () => runText(await findRun(out, name), style)
        return untilStopped(signal => watchText(follow, signal))
      }
      console.log(await runText(run, style))
      if (runs.length > 1) console.log(`\n${runList(all ? runs : runs.slice(0, listed), runs.length, style)}`)
    })
}

async function showCluster(cluster: string | true, { watch, json, page, port }: Flags): Promise<void> {
  const [{ addressText, parseAddress }, { viewCluster }, { clusterText }] = await Promise.all([
    import('../cluster/address.js'),
    import('../cluster/state.js'),
    import('../terminal/cluster-table.js'),
  ])
  const address =
    cluster === true ? parseAddress(process.env.PIELINE_CLUSTER ?? '', false) : parseAddress(cluster, true)
  const view = await viewCluster(address)
  try {
    if (json) return console.log(JSON.stringify(await view.read(), null, 2))
    if (page) {
      const { serveCluster } = await import('../cluster/page.js')
      const server = await serveCluster(view, addressText(address), { host: '127.0.0.1', port })
      console.log(`open ${server.address}`)
      await new Promise(resolve => {
        process.once('SIGINT', resolve)
        process.once('SIGTERM', resolve)
      })
      return await server.close()
    }
    const style = styleFor(process.stdout)
    const text = async () => clusterText(await view.read(), addressText(address), style)
    if (watch) await untilStopped(signal => watchText(text, signal))
    else console.log(await text())
  } finally {
    await view.close()
  }
}

async function untilStopped(act: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  await act(stop.signal)
}

/** A run whose process is gone was interrupted, though its manifest could not say so any more. */
function statusOf(manifest: Manifest): Manifest['status'] {
  return isAbandoned(manifest) ? 'interrupted' : manifest.status
}

const colours = { running: 'cyan', done: 'green', failed: 'red', interrupted: 'yellow' } as const

async function runText({ folder, manifest }: Run, style: Style): Promise<string> {
  // It brings Student's t along, for which every command would wait.
  const { headlineText } = await import('../terminal/figures.js')
  const { pipeline, run, started, finished, stages, error } = manifest
  const status = statusOf(manifest)
  const end = finished === null ? Date.now() : Date.parse(finished)
  const took =
    status === 'interrupted' && finished === null ? '' : ` · ${duration((end - Date.parse(started)) / 1000)}`
  const rows = stages.map(stage => [
    style('bold', stage.name),
    stage.state === 'running' && status !== 'running' ? 'waiting' : stage.state,
    stage.state === 'done' ? (stage.reused ? 'reused' : duration(stage.seconds ?? 0)) : '',
    headlineText(stage),
  ])
  const lines = [
    `${style('bold', pipeline)} ${run}  ${style(colours[status], status)}${took}`,
    table(
      [{ title: 'stage' }, { title: 'state' }, { title: 'time', align: 'right' }, { title: '' }],
      rows,
      style,
    ),
    `  ${style('dim', folder)}`,
  ]
  if (error) lines.push(`  ${style('red', error.message)}`)
  if (status === 'interrupted') lines.push('  The same command ("pieline run") goes on from there.')
  return lines.join('\n')
}

function runList(runs: readonly Run[], all: number, style: Style): string {
  const rows = runs.map(({ manifest }) => {
    const { score } = headlinesOf(manifest)
    return [
      manifest.run,
      manifest.pipeline,
      style(colours[statusOf(manifest)], statusOf(manifest)),
      score ? counted(score.labelIssues, 'label issue') : '',
    ]
  })
  const text = table(
    [{ title: 'run' }, { title: 'pipeline' }, { title: 'status' }, { title: '' }],
    rows,
    style,
  )
  return runs.length === all ? text : `${text}\n  ${style('dim', `${all - runs.length} older runs: --all`)}`
}
