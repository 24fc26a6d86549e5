/** A review without a browser: who the suspect is and where its file lies, and a key to decide it. */

import type { Readable, Writable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { eventText, keys, matchingClasses, progressFigures, stopAdvice } from './client/review-page.js'
import { filterSchema } from './queue.js'
import type { Review, Ruling } from './review.js'

/** Classes that are offered when a label is typed. */
const offered = 9
const enter = new Set(['\r', '\n'])
const end = new Set(['q', '\u0003', '\u0004'])

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
  const say = (text: string) => void output.write(`${text}\n`)
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

  async function show(row: number): Promise<void> {
    const suspect = suspects[row]
    const near = await tables.neighbors(row)
    const votes = levels.map(
      (level, l) => `${level} ${classNames[suspect.modal[l]]} ${percent(suspect.agreement[l])}`,
    )
    say('')
    say(
      `${row + 1} of ${suspects.length}  ${suspect.id}${suspect.source.includes(suspect.id) ? '' : `  (${suspect.source})`}`,
    )
    say(
      `  given ${classNames[suspect.given]}, suggested ${classNames[suspect.suggested]} ${percent(suspect.suggestedProbability)}; label quality ${suspect.labelQuality.toFixed(3)}`,
    )
    const marks = [suspect.issueKind ?? '', ...suspect.hints].filter(mark => mark !== '')
    if (marks.length > 0) say(`  ${marks.join(', ')}`)
    say(`  votes: ${votes.join(', ')}`)
    if (near.length > 0)
      say(`  similar: ${near.map(({ given, id }) => `${classNames[given]} (${id})`).join(', ')}`)
    for (const event of review.history(row)) say(`  ${eventText(event)}`)
    say(`  ${menu}`)
  }

  /** A class by a part of its name and, where several fit, a number; undefined to leave it. */
  async function askLabel(): Promise<number | undefined> {
    say('  part of the class name, then Enter:')
    let typed = ''
    for (let key = await read(); key !== undefined && !enter.has(key); key = await read()) {
      typed = key === '\u007f' || key === '\b' ? typed.slice(0, -1) : typed + key
    }
    const matching = matchingClasses(classNames, typed).slice(0, offered)
    if (matching.length === 0) say(`  no class fits "${typed}"`)
    if (matching.length < 2) return matching[0]
    say(`  ${matching.map((label, i) => `${i + 1} ${classNames[label]}`).join('  ')}`)
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
  while (row !== undefined) {
    await show(row)
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
      case 'help':
        for (const { key, title } of terminalKeys) say(`  ${key}  ${title}`)
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

const onlyInPage = new Set(['previous', 'grid', 'page', 'search'])
const terminalKeys = keys.filter(({ id }) => !onlyInPage.has(id))
const menu = terminalKeys
  .filter(({ button }) => button)
  .map(({ key, title }) => `${key} ${title.toLowerCase()}`)
  .join('  ')

/** The next key that means something. */
async function nextKey(read: () => Promise<string | undefined>): Promise<(typeof keys)[number] | undefined> {
  for (let pressed = await read(); pressed !== undefined; pressed = await read()) {
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
