/** `pieline review`: people decide about the suspects of a run. */
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { relative } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline as pipe } from 'node:stream/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { DataError, PielineError, RunError } from '../errors.js'
import { placed } from '../pipeline/files.js'
import { findRun } from '../pipeline/runs.js'
import type { Review } from '../review/review.js'
import { openInBrowser } from '../terminal/browser.js'
import { examples, jsonOption, outOption } from './options.js'

const here = '127.0.0.1'

interface Flags {
  readonly out: string
  readonly reviewer: string
  readonly host: string
  readonly port: number
  readonly open: boolean
  readonly terminal?: true
  readonly export?: string
  readonly import?: string
  readonly json?: true
}

export function reviewCommand(): Command {
  const modes = ['terminal', 'export', 'import']
  const mode = (option: Option, name: string) => option.conflicts(modes.filter(other => other !== name))
  return new Command('review')
    .description('decide about the suspects of a run: in a page on this machine, a terminal or a spreadsheet')
    .argument('[run]', 'run id, pipeline name or run folder; the newest finished run when absent')
    .addOption(outOption())
    .option('--reviewer <name>', 'who decides; your user name when absent', userName())
    .option('--port <port>', 'port of the page; any that is free when absent', port, 0)
    .option(
      '--host <address>',
      'address that the page listens on: 127.0.0.1 is this machine alone; 0.0.0.0 is everybody who reaches it and has the printed address, unencrypted',
      here,
    )
    .option('--no-open', 'do not open a browser')
    .addOption(mode(new Option('--terminal', 'decide in the terminal, by keys'), 'terminal'))
    .addOption(mode(new Option('--export <csv>', 'write the suspects for a spreadsheet'), 'export'))
    .addOption(
      mode(
        new Option('--import <csv>', 'take the decisions out of an exported file; - reads stdin'),
        'import',
      ),
    )
    .addOption(
      jsonOption('print the address, or what was written or taken up, as JSON').conflicts('terminal'),
    )
    .addHelpText(
      'after',
      examples(
        ['pieline review', 'decide about the newest run in the browser'],
        ['pieline review --terminal', 'in the terminal'],
        ['pieline review --export suspects.csv', 'fill in action, label, kind and note'],
        ['pieline review --import suspects.csv', 'and take them up'],
      ),
    )
    .action(async (name: string | undefined, flags: Flags) => {
      const run = await findRun(flags.out, name, { finished: name === undefined })
      const { openReview } = await import('../review/review.js')
      const review = await openReview(run, flags.reviewer)
      const tell = (record: Readonly<Record<string, unknown>>, words: string) =>
        console.log(flags.json ? JSON.stringify(record) : words)
      try {
        if (review.torn.length > 0) {
          console.error(
            `warning: ${relative('.', review.decisionsPath)}: a crash cut line ${review.torn.join(', ')} short; it had not been shown as saved, and is left out`,
          )
        }
        if (flags.export !== undefined) await exportCsv(review, flags.export, tell)
        else if (flags.import !== undefined) await importCsv(review, flags.import, tell)
        else if (flags.terminal) await inTerminal(review)
        else await serve(review, flags, tell)
      } finally {
        await review.close()
      }
    })
}

/** Says something in words, or as a record for machines. */
type Tell = (record: Readonly<Record<string, unknown>>, words: string) => void

async function exportCsv(review: Review, path: string, tell: Tell): Promise<void> {
  const { suspectsCsv } = await import('../review/spreadsheet.js')
  try {
    await pipe(Readable.from(suspectsCsv(review)), createWriteStream(path))
  } catch (cause) {
    throw new RunError(`cannot be written: ${(cause as Error).message}`, { file: path, cause })
  }
  const suspects = review.tables.suspects.length
  tell({ csv: path, suspects }, `${path}: ${suspects} suspects`)
}

async function importCsv(review: Review, path: string, tell: Tell): Promise<void> {
  const csv = await (path === '-' ? buffer(process.stdin) : readFile(path)).catch(cause => {
    throw new DataError('the file cannot be opened', { file: path, mend: 'Check the path.', cause })
  })
  const { rulingsOf } = await import('../review/spreadsheet.js')
  try {
    const rulings = rulingsOf(csv, review)
    if (rulings.length > 0) await review.decide(rulings)
    const decisions = review.decisionsPath
    tell(
      { decisions, saved: rulings.length },
      `${rulings.length} decisions saved in ${relative('.', decisions)}`,
    )
  } catch (error) {
    throw placed(error, path)
  }
}

async function inTerminal(review: Review): Promise<void> {
  const { reviewInTerminal } = await import('../review/terminal.js')
  const { stdin: input, stdout: output } = process
  if (input.isTTY) input.setRawMode(true)
  try {
    await reviewInTerminal(review, { input, output })
  } finally {
    if (input.isTTY) input.setRawMode(false)
    input.pause()
  }
}

async function serve(review: Review, { host, port, open }: Flags, tell: Tell): Promise<void> {
  const { serveReview } = await import('../review/server.js')
  const server = await serveReview(review, { host, port })
  const { address } = server
  const { pipeline, run } = review.run.manifest
  const { reviewer, decisionsPath: decisions } = review
  const { suspects, decided } = review.progress()
  if (![here, 'localhost', '::1'].includes(host)) {
    console.error(
      `warning: everybody who reaches this machine at ${host} and has the address below sees the data and decides as ${reviewer}; the connection is not encrypted`,
    )
  }
  tell(
    { address, pipeline, run, reviewer, decisions, suspects, decided },
    `${pipeline}/${run}: ${suspects} suspects, ${decided} decided
decisions of ${reviewer} go to ${relative('.', decisions)}
open ${address}
Ctrl-C ends it; what the page showed as saved is on the disk.`,
  )
  if (open) {
    await openInBrowser(address).catch(error => {
      if (!(error instanceof PielineError)) throw error
    })
  }
  await new Promise(resolve => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  await server.close()
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run under a number that has no name.
    return 'reviewer'
  }
}

function port(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > 65_535) throw new InvalidArgumentError('It must be 0 to 65535.')
  return value
}
