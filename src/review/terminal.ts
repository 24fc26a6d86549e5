/** A review without a browser: who the suspect is and where its file lies, and a key to decide it. */

import type { Readable, Writable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { isolated, printable } from '../printable.js'
import { eventText, keys, matchingClasses, progressFigures, stopAdvice } from './client/review-page.js'
import { filterSchema } from './queue.js'
import type { Review, Ruling } from './review.js'

/** Features that are shown unless all are asked for, and neighbours that are shown with their text. */
const shownFeatures = 12
const shownNeighbors = 5

/** Classes that are offered when a label is typed. */
const offered = 9
const enter = new Set(['\r', '\n'])
const rubout = new Set(['\u007f', '\b'])
const leave = '\u001b'
/** Ctrl-C and Ctrl-D, which end it wherever one is. */
const end = new Set(['\u0003', '\u0004'])
const quit = 'q'

export interface Terminal {
  /** Keys one by one: a terminal in raw mode, or a file of keys. */
  readonly input: Readable
  readonly output: Writable
}

/** Goes through what is open, most suspicious first, until it is done, or somebody quits, or the input ends. */
export async function reviewInTerminal(review: Review, { input, output }: Terminal): Promise<void> {
  const { tables } = review
  const { suspects, info, levels } = tables
  const { classNames } = info
  const say = (text: string) => void output.write(`${printable(text)}\n`)
  const nameOf = (label: number) => isolated(classNames[label])
  const pressed = keysOf(input)
  const read = async (): Promise<string | undefined> => {
    const next = await pressed.next()
    return next.done || end.has(next.value) ? undefined : next.value
  }
  const everything = filterSchema.parse({})
  const done: number[] = []
  const skipped = new Set<number>()
  const nextOpen = (): number | undefined => {
    const open = review.page(everything, 'open', 0, skipped.size + 1)
    return open.rows.find(row => !skipped.has(row))
  }
  const percent = (value: number) => `${Math.round(value * 100)} %`

  /** What people see of a suspect that is no picture, or beside it: its text, or else its features. */
  async function content(row: number, whole: boolean): Promise<string[]> {
    const { excerpt, exampleRow } = suspects[row]
    if (info.text) {
      const text = (whole ? await tables.text(exampleRow) : excerpt) ?? 'no text'
      const lines = text.split('\n').map(isolated)
      return whole || !text.endsWith(' …') ? lines : [...lines, `(${wholeKey} shows all of it)`]
    }
    if (info.input.kind === 'image') return []
    const features = await tables.features(exampleRow)
    const named = features
      .slice(0, whole ? features.length : shownFeatures)
      .map((value, i) => `${info.featureNames[i] ?? i} ${Number(value.toPrecision(4))}`)
    const more = features.length - named.length
    return [`${named.join(', ')}${more > 0 ? ` … and ${more} more (${wholeKey} shows them)` : ''}`]
  }

  async function show(row: number): Promise<void> {
    const suspect = suspects[row]
    const near = await tables.neighbors(row)
    const votes = levels.map(
      (level, l) => `${level} ${nameOf(suspect.modal[l])} ${percent(suspect.agreement[l])}`,
    )
    say('')
    const source = suspect.source.includes(suspect.id) ? '' : `  (${isolated(suspect.source)})`
    say(`${row + 1} of ${suspects.length}  ${isolated(suspect.id)}${source}`)
    for (const line of await content(row, false)) say(`  ${line}`)
    say(
      `  given ${nameOf(suspect.given)}, suggested ${nameOf(suspect.suggested)} ${percent(suspect.suggestedProbability)}; label quality ${suspect.labelQuality.toFixed(3)}`,
    )
    const marks = [suspect.issueKind ?? '', ...suspect.hints].filter(mark => mark !== '')
    if (marks.length > 0) say(`  ${marks.join(', ')}`)
    say(`  votes: ${votes.join(', ')}`)
    if (info.text) {
      for (const { given, excerpt, id } of near.slice(0, shownNeighbors))
        say(`  similar: ${nameOf(given)}: ${isolated(inOneLine(excerpt ?? id))}`)
    } else if (near.length > 0) {
      say(`  similar: ${near.map(({ given, id }) => `${nameOf(given)} (${isolated(id)})`).join(', ')}`)
    }
    for (const event of review.history(row)) say(`  ${eventText(event)}`)
    say(`  ${menu}`)
  }

  /** A line, shown as it is typed; undefined to leave it. */
  async function readLine(): Promise<string | undefined> {
    let typed = ''
    for (let key = await read(); key !== undefined && !enter.has(key); key = await read()) {
      if (key === leave) return undefined
      if (!rubout.has(key)) {
        typed += key
        output.write(printable(key))
      } else if (typed !== '') {
        typed = [...typed].slice(0, -1).join('')
        output.write('\b \b')
      }
    }
    return typed
  }

  /** A class by a part of its name and, where several fit, a number; undefined to leave it. */
  async function askLabel(): Promise<number | undefined> {
    output.write('  part of the class name, then Enter: ')
    const typed = await readLine()
    say('')
    if (typed === undefined) return undefined
    const matching = matchingClasses(classNames, typed).slice(0, offered)
    if (matching.length === 0) say(`  no class fits "${typed}"`)
    if (matching.length < 2) return matching[0]
    say(`  ${matching.map((label, i) => `${i + 1} ${nameOf(label)}`).join('  ')}`)
    const key = await read()
    return key === undefined ? undefined : matching[Number(key) - 1]
  }

  async function rule(row: number, ruling: Ruling): Promise<void> {
    await review.decide([[row, ruling]])
    done.push(row)
    const { decision } = review.standing(row)!
    say(`  ${decision.action}${decision.label === undefined ? '' : ` to ${decision.label}`}: saved`)
  }

  say(`Decisions go to ${review.decisionsPath}; ? shows the keys, q ends.`)
  let advised = false
  let row = nextOpen()
  let shown: number | undefined
  while (row !== undefined) {
    if (row !== shown) await show(row)
    shown = row
    const key = await nextKey(read)
    if (key === undefined) break
    switch (key.id) {
      case 'label': {
        const label = await askLabel()
        if (label === undefined) continue
        await rule(row, { action: 'relabel', label })
        break
      }
      case 'undo': {
        const last = done.pop()
        if (last === undefined) say('  nothing to take back')
        else {
          await review.undo([last])
          row = last
        }
        continue
      }
      case 'next':
        skipped.add(row)
        break
      case 'whole':
        for (const line of await content(row, true)) say(`  ${line}`)
        continue
      case 'help':
        for (const { key, title } of terminalKeys) say(`  ${key}  ${title}`)
        say(`  ${quit}  Quit`)
        continue
      default:
        if (key.ruling !== undefined) await rule(row, key.ruling)
    }
    const advice = stopAdvice(review.progress())
    if (advice !== undefined && !advised) say(`\n${advice}`)
    advised ||= advice !== undefined
    await review.refresh()
    row = nextOpen()
  }
  say('')
  for (const [term, value] of progressFigures(review.progress())) say(`${term}: ${value}`)
}

const inOneLine = (text: string): string => text.replace(/\s+/g, ' ')

const onlyInPage = new Set(['previous', 'grid', 'page', 'search'])
const wholeKey = keys.find(({ id }) => id === 'whole')!.key
const terminalKeys = keys.filter(({ id }) => !onlyInPage.has(id))
const menu = [
  ...terminalKeys.filter(({ button }) => button).map(({ key, title }) => `${key} ${title.toLowerCase()}`),
  `${quit} quit`,
].join('  ')

/** The next key that means something; undefined to quit. */
async function nextKey(read: () => Promise<string | undefined>): Promise<(typeof keys)[number] | undefined> {
  for (let pressed = await read(); pressed !== undefined; pressed = await read()) {
    if (pressed === quit) return undefined
    const known = terminalKeys.find(({ key }) => key === pressed)
    if (known !== undefined) return known
  }
  return undefined
}

async function* keysOf(input: Readable): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  for await (const chunk of input as AsyncIterable<Buffer | string>) {
    yield* typeof chunk === 'string' ? chunk : decoder.write(chunk)
  }
}
