/**
 * A picture of a command in a terminal:
 * `npx tsx docs/make-terminal-picture.ts init.png 'pieline init letters'` runs it and shows what is on the screen at its end.
 * `--type '2\n'` types once it has written something, `--at 'train .* left'` takes the picture as soon as the screen has
 * such a line and stops the command, `--columns 100` is the width. Needs util-linux's `script`, which gives the command a
 * terminal, and Chromium.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'

/** What a terminal shows, as far as this program's output goes: colours, weight, cursor movements, erasing. */
export class Screen {
  readonly #lines: { text: string; style: string }[][] = [[]]
  #row = 0
  #column = 0
  #style = new Set<string>()
  #rest = ''

  write(chunk: string): void {
    const text = this.#rest + chunk
    // A sequence may be cut in two.
    const cut = unfinished.exec(text)?.index ?? text.length
    this.#rest = text.slice(cut)
    for (const [part, parameters, command] of text.slice(0, cut).matchAll(sequence)) {
      if (command !== undefined) this.#control(command, parameters!.split(';').map(Number))
      else if (part === '\n') this.#moveTo(this.#row + 1, this.#column)
      else if (part === '\r') this.#column = 0
      else if (part >= ' ') this.#print(part)
    }
  }

  /** The lines without their style. */
  get text(): string {
    return this.#lines.map(line => line.map(({ text }) => text).join('')).join('\n')
  }

  /** The lines as HTML. */
  get html(): string {
    return this.#lines
      .map(line => line.map(({ text, style }) => `<span class="${style}">${escaped(text)}</span>`).join(''))
      .join('\n')
      .trimEnd()
  }

  #print(text: string): void {
    const line = this.#lines[this.#row]!
    while (line.length < this.#column) line.push({ text: ' ', style: '' })
    line[this.#column++] = { text, style: [...this.#style].join(' ') }
  }

  #moveTo(row: number, column: number): void {
    this.#row = Math.max(0, row)
    this.#column = column
    while (this.#lines.length <= this.#row) this.#lines.push([])
  }

  #control(command: string, [first = 0, ...more]: readonly number[]): void {
    if (command === 'A') this.#moveTo(this.#row - Math.max(1, first), this.#column)
    if (command === 'G') this.#column = Math.max(0, first - 1)
    if (command === 'K') this.#lines[this.#row]!.length = first === 2 ? 0 : this.#column
    if (command === 'J') this.#lines.length = this.#row + 1
    if (command === 'm') for (const code of [first, ...more]) this.#restyle(code)
  }

  #restyle(code: number): void {
    if (code === 0) this.#style.clear()
    const [name, isOn] = styles[code] ?? []
    if (name === undefined) return
    for (const one of name.split(' ')) {
      if (isOn) this.#style.add(one)
      else this.#style.delete(one)
    }
  }
}

const start = '\u001b'
const sequence = new RegExp(`${start}\\[([?\\d;]*)([A-Za-z])|${start}[=>]|[\\s\\S]`, 'gu')
const unfinished = new RegExp(`${start}(\\[[?\\d;]*)?$`)

const colours = { 31: 'red', 32: 'green', 33: 'yellow', 34: 'blue', 35: 'magenta', 36: 'cyan' } as const
/** What the codes of "Select Graphic Rendition" switch on or off. */
const styles: Readonly<Record<number, readonly [style: string, isOn: boolean]>> = {
  1: ['bold', true],
  2: ['dim', true],
  22: ['bold dim', false],
  39: [Object.values(colours).join(' '), false],
  ...Object.fromEntries(Object.entries(colours).map(([code, name]) => [code, [name, true]])),
}

const escaped = (text: string) => text.replace(/[&<>]/g, sign => `&#${sign.charCodeAt(0)};`)

interface Recording {
  readonly columns: number
  readonly type?: string
  readonly at?: RegExp
}

/** Runs a shell's command on a terminal of its own. @returns its screen at the end, or when a line fits `at` */
export async function record(command: string, { columns, type, at }: Recording): Promise<Screen> {
  const screen = new Screen()
  const child = spawn('script', ['-qec', `stty cols ${columns} rows 50; exec ${command}`, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm-256color', COLORTERM: '', CI: undefined },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdout.setEncoding('utf8')
  if (type !== undefined) child.stdout.once('data', () => child.stdin.write(type))
  const ended = once(child, 'exit')
  for await (const chunk of child.stdout) {
    screen.write(chunk as string)
    if (at === undefined || !screen.text.split('\n').some(line => at.test(line))) continue
    child.kill('SIGHUP')
    break
  }
  await ended
  return screen
}

const page = (command: string, screen: Screen) => `<!doctype html><meta charset="utf-8"><style>
body { margin: 0; background: transparent; }
pre { display: inline-block; margin: 0; padding: 16px 20px; border-radius: 10px; background: #14181d; color: #e4e2dc; font: 14px/1.45 "DejaVu Sans Mono", monospace; }
.bold { font-weight: 700; color: #fff; } .dim { color: #9aa1ab; }
.red { color: #ff8f85; } .green { color: #63d3a6; } .yellow { color: #ecc46b; } .blue { color: #78b4f2; } .magenta { color: #d9a0ee; } .cyan { color: #6fd0dc; }
</style><pre><span class="dim">$</span> <span class="bold">${escaped(command)}</span>\n${screen.html}</pre>`

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      type: { type: 'string' },
      at: { type: 'string' },
      columns: { type: 'string', default: '100' },
      as: { type: 'string' },
    },
  })
  const [picture, command] = positionals
  if (picture === undefined || command === undefined) {
    throw new Error(`usage: npx tsx docs/make-terminal-picture.ts <picture.png> '<command>' [options]`)
  }
  const screen = await record(command, {
    columns: Number(values.columns),
    ...(values.type !== undefined && { type: values.type.replaceAll('\\n', '\n') }),
    ...(values.at !== undefined && { at: new RegExp(values.at) }),
  })
  const browser = await chromium.launch({
    executablePath: process.env.PIELINE_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  })
  try {
    const shown = await browser.newPage({ deviceScaleFactor: 1.5, viewport: { width: 1400, height: 1000 } })
    await shown.setContent(page(values.as ?? command, screen))
    await shown.locator('pre').screenshot({ path: picture, omitBackground: true })
  } finally {
    await browser.close()
  }
}
