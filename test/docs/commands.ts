/** The commands that the documentation shows, and the command line that it shows them to. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, CommanderError } from 'commander'
import { createProgram } from '../../src/program.js'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Fenced blocks in which commands may stand: `sh` holds nothing else, `console` has them behind `$ `. */
const commandLanguages = ['sh', 'console']

export interface Block {
  readonly page: string
  /** Line of the fence, from 1. */
  readonly line: number
  readonly language: string
  readonly text: string
  /** Why its commands are not run; undefined where they are. `<!-- not run: … -->` above the fence says so. */
  readonly notRun: string | undefined
}

export interface ShownCommand {
  readonly page: string
  readonly line: number
  /** Shell, of several lines where quotes go on. */
  readonly shell: string
  /** What stands below it, up to the next one. */
  readonly output: string
  readonly notRun: string | undefined
}

/** README.md and docs/*.md, from the root of the project. */
export const pages: readonly string[] = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
]

export const readPage = (page: string): string => readFileSync(join(root, page), 'utf8')

export function blocksOf(page: string): Block[] {
  const lines = readPage(page).split('\n')
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; at++) {
    const fence = /^( *)```([\w-]*)\s*$/.exec(lines[at])
    if (fence === null) continue
    const end = lines.findIndex((line, other) => other > at && line.trim() === '```')
    const marker = [lines[at - 1], lines[at - 2]]
      .map(line => /^ *<!-- not run: (.+) -->$/.exec(line ?? ''))
      .find(found => found !== null)
    const text = lines.slice(at + 1, end).join('\n')
    blocks.push({ page, line: at + 1, language: fence[2], text, notRun: marker?.[1] })
    at = end
  }
  return blocks
}

/** The commands of a block, in order. */
export function commandsOf({ page, line, language, text, notRun }: Block): ShownCommand[] {
  if (!commandLanguages.includes(language)) return []
  const commands: { line: number; shell: string; output: string[] }[] = []
  for (const [at, written] of text.split('\n').entries()) {
    const last = commands.at(-1)
    if (last !== undefined && isOpen(last.shell)) last.shell += `\n${written}`
    else if (language === 'console' && !written.startsWith('$ ')) last?.output.push(written)
    else if (written.trim() !== '') {
      commands.push({ line: line + at + 1, shell: written.replace(/^\$ /, ''), output: [] })
    }
  }
  return commands.map(({ line, shell, output }) => ({
    page,
    line,
    shell,
    output: output.join('\n'),
    notRun,
  }))
}

/** Whether the next line belongs to it: a quote is open, or the line goes on. */
function isOpen(shell: string): boolean {
  const quotes = shell.replace(/'[^']*'/g, '').match(/"/g)?.length ?? 0
  return quotes % 2 === 1 || shell.endsWith('\\')
}

/** Commands in the running text, between backticks. */
export function inlineCommandsOf(page: string): ShownCommand[] {
  return readPage(page)
    .replace(/^( *)```[\s\S]*?^\1```/gm, block => block.replace(/[^\n]/g, ''))
    .split('\n')
    .flatMap((text, at) =>
      [...text.matchAll(/`((?:npx |npm |pieline )[^`]+)`/g)].map(([, shell]) => ({
        page,
        line: at + 1,
        shell,
        output: '',
        notRun: 'it stands in the text',
      })),
    )
}

/** Lines that look like commands in blocks that are none. */
export function strayCommands({ language, text }: Block): string[] {
  if (commandLanguages.includes(language) || language === 'yaml') return []
  return text.split('\n').filter(line => /^ *(\$ |(npx|npm|pieline|node|python|pip) )/.test(line))
}

/**
 * The arguments of every program that shell commands would start, as the shell takes them apart; nothing is started.
 * @param folder a scratch one, in which files that commands write their output to come to lie
 */
export function argumentsOf(shell: string, folder: string): string[][] {
  const placeholders = shell.replace(/[[<]([\w .-]+)[>\]]/g, '$1').replaceAll('…', '')
  const script = [
    'exec 9>&1',
    // With no path to look in, the shell hands every program to this function.
    `command_not_found_handle() { printf '%s\\0' "$@" $'\\n' >&9; }`,
    'PATH=/nowhere',
    'set -f',
    placeholders,
    'true',
  ].join('\n')
  const printed = execFileSync('/bin/bash', ['-c', script], { encoding: 'utf8', cwd: folder })
  return printed
    .split('\n\0')
    .filter(call => call !== '')
    .map(call => call.split('\0').slice(0, -1))
}

/** What is wrong with a call of a program; undefined where nothing is. */
export async function faultOf(call: readonly string[]): Promise<string | undefined> {
  const [program, ...args] = call
  if (program === 'pieline') return pielineFault(args)
  if (program === 'npx') return args[0] === 'tsx' ? scriptFault(args.slice(1)) : faultOf(args)
  if (program === 'npm') return npmFault(args)
  if (program === 'python') return scriptFault(args)
  return ['head', 'diff', 'echo', 'cp', 'jq', 'ls', 'cat'].includes(program)
    ? undefined
    : `${program} is no program that the documentation may use`
}

/** Whether the real parser takes the arguments; the commands themselves are not run. */
async function pielineFault(args: readonly string[]): Promise<string | undefined> {
  const { program, said } = silentProgram()
  const [first] = args
  const isNamed = first !== undefined && !first.startsWith('-') && !/\.ya?ml$/.test(first)
  if (isNamed && !program.commands.some(command => command.name() === first))
    return `there is no command ${first}`
  try {
    await program.parseAsync([...args], { from: 'user' })
    return undefined
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? undefined : said.join('')
    throw error
  }
}

/** The real program, whose commands do nothing. */
function silentProgram(): { program: Command; said: string[] } {
  const program = createProgram()
  const said: string[] = []
  const output = { writeOut: (text: string) => said.push(text), writeErr: (text: string) => said.push(text) }
  program.configureOutput(output)
  for (const command of program.commands) command.configureOutput(output).action(() => {})
  return { program, said }
}

/**
 * What is wrong with a command as running text names it: without all that it would need, but with a command and options
 * that there are.
 */
export async function nameFault(call: readonly string[]): Promise<string | undefined> {
  if (call[0] !== 'pieline' && call[1] !== 'pieline') return faultOf(call)
  const args = call.slice(call.indexOf('pieline') + 1)
  const { program } = silentProgram()
  const command = program.commands.find(other => other.name() === args[0])
  if (command === undefined) return pielineFault(args)
  const known = new Set(
    [...command.options, ...program.options].flatMap(({ long, short }) => [long, short, '--help']),
  )
  const unknown = args.filter(arg => /^--?[a-z]/.test(arg) && !known.has(arg))
  return unknown.length === 0 ? undefined : `${command.name()} knows no ${unknown.join(', ')}`
}

/** Scripts of package.json are there, and what stands behind `--` is right for what they start. */
function npmFault(args: readonly string[]): Promise<string | undefined> | string | undefined {
  const [verb, ...rest] = args
  if (verb === 'ci') return undefined
  const scripts: Record<string, string> = JSON.parse(readPage('package.json')).scripts
  const name = verb === 'run' ? rest[0] : verb
  const script = scripts[name]
  if (script === undefined) return `package.json has no script ${name}`
  const passed = rest.slice(rest.indexOf('--') + 1)
  if (!rest.includes('--')) return undefined
  const started = / tsx (\S+)/.exec(` ${script.replace('tsx', ' tsx')}`)?.[1]
  return started === undefined ? pielineFault(passed) : scriptFault([started, ...passed])
}

/** A script of the project is there, and knows the options by name. */
function scriptFault([path, ...args]: readonly string[]): string | undefined {
  let source: string
  try {
    source = readPage(path)
  } catch {
    return `there is no ${path}`
  }
  const unknown = args.filter(arg => arg.startsWith('--')).filter(option => !knows(source, option))
  return unknown.length === 0 ? undefined : `${path} knows no ${unknown.join(', ')}`
}

const knows = (source: string, option: string): boolean =>
  source.includes(option) || new RegExp(`\\b${option.slice(2)}\\b`).test(source)
