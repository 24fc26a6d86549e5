/** Draws a run as it goes on: bars on a terminal, plain lines elsewhere, events for machines. */
import { join, relative } from 'node:path'
import { createLogUpdate } from 'log-update'
import type { Observer, RunEvent } from '../pipeline/events.js'
import { duration, Pace } from './duration.js'
import { headlineText } from './figures.js'
import { type Style, styleFor } from './style.js'

export interface Reporter {
  readonly observe: Observer
  /** Leaves the screen in order, also after a failure. */
  end(): void
}

const seconds = (): number => performance.now() / 1000
const barWidth = 24
/** Seconds between two plain lines about the same count. */
const plainPause = 10
/** Seconds between two events about the same count. */
const eventPause = 1

/** The reporter that suits a stream: bars where somebody looks, lines where it goes to a file or a log. */
export function reporterFor(stream: NodeJS.WriteStream): Reporter {
  const drawable =
    stream.isTTY && stream.columns > 0 && process.env.TERM !== 'dumb' && process.env.CI === undefined
  return drawable ? liveReporter(stream) : plainReporter(stream)
}

interface Count {
  readonly stage: string
  readonly label: string
  readonly total: number
  readonly pace: Pace
  done: number
  note: string | undefined
}

/** Follows the count of the stage at work. */
function counter(): (event: RunEvent) => Count | undefined {
  let count: Count | undefined
  return event => {
    if (event.event === 'stage-started' || event.event === 'stage-finished') count = undefined
    if (event.event !== 'progress') return count
    const { stage, label, total, done, note } = event
    const begins =
      !count || count.stage !== stage || count.label !== label || count.total !== total || done === 0
    if (begins) count = { stage, label, total, done, note, pace: new Pace(total, seconds()) }
    count!.done = done
    if (note !== undefined) count!.note = note
    count!.pace.update(done, seconds())
    return count
  }
}

function countText({ label, done, total, pace, note }: Count): string {
  const left = pace.secondsLeft(seconds())
  const parts = [`${label} ${shown(done)} of ${shown(total)}`]
  if (left !== undefined && done < total) parts.push(`${duration(left)} left`)
  if (note !== undefined) parts.push(note)
  return parts.join(' · ')
}

function shown(units: number): string {
  return units.toLocaleString('en-US', { maximumFractionDigits: 0 })
}

function openingText(event: RunEvent & { event: 'run-started' }): string {
  const { pipeline, run, stages, reused } = event
  const there = reused.length === 0 ? '' : `, ${reused.length} of ${stages.length} stages are there already`
  return `${pipeline} ${run}${there}`
}

function finishedText({ reused, seconds, stage, headline }: RunEvent & { event: 'stage-finished' }): string {
  const figures = headlineText({ name: stage, headline: { ...headline } })
  return [reused ? 'reused' : duration(seconds), figures].filter(part => part !== '').join(' · ')
}

/** Follows where the run is, and tells of the first results as soon as they can be looked at. */
function firstResults(): (event: RunEvent) => string | undefined {
  let folder = ''
  return event => {
    if (event.event === 'run-started') folder = event.folder
    if (event.event !== 'stage-finished' || event.stage !== 'preview') return undefined
    return `first results: ${relative('.', join(folder, String(event.headline.page)))}`
  }
}

function plainReporter(stream: NodeJS.WriteStream): Reporter {
  const follow = counter()
  const look = firstResults()
  const say = (text: string) => stream.write(`${text}\n`)
  let said = 0
  return {
    observe(event) {
      const count = follow(event)
      if (event.event === 'run-started') say(openingText(event))
      else if (event.event === 'stage-started') said = seconds()
      else if (event.event === 'stage-finished') say(`${event.stage}: ${finishedText(event)}`)
      else if (event.event === 'log') say(`${event.stage}: ${event.message}`)
      else if (count && seconds() - said >= plainPause) {
        said = seconds()
        say(`${count.stage}: ${countText(count)}`)
      }
      const page = look(event)
      if (page) say(page)
    },
    end() {},
  }
}

function liveReporter(stream: NodeJS.WriteStream): Reporter {
  const style = styleFor(stream)
  const drawing = createLogUpdate(stream)
  const follow = counter()
  const look = firstResults()
  let stage: { readonly name: string; readonly start: number } | undefined
  let count: Count | undefined
  const draw = () => {
    if (!stage) return
    const name = style('cyan', stage.name.padEnd(9))
    const text = count
      ? `${bar(count.done / count.total, style)} ${countText(count)}`
      : duration(seconds() - stage.start)
    drawing(`  ${name} ${text}`)
  }
  const say = (text: string) => {
    drawing.clear()
    stream.write(`${text}\n`)
    draw()
  }
  // Also between two events the time goes on.
  const clock = setInterval(draw, 200).unref()
  return {
    observe(event) {
      count = follow(event)
      if (event.event === 'run-started') say(style('bold', openingText(event)))
      else if (event.event === 'stage-started') stage = { name: event.stage, start: seconds() }
      else if (event.event === 'log') say(`  ${event.message}`)
      else if (event.event === 'stage-finished') {
        stage = undefined
        const mark = event.reused ? style('dim', '=') : style('green', '✓')
        say(`${mark} ${event.stage.padEnd(9)} ${style('dim', finishedText(event))}`)
      }
      const page = look(event)
      if (page) say(`  ${style('bold', page)}`)
    },
    end() {
      clearInterval(clock)
      drawing.clear()
      drawing.done()
    },
  }
}

function bar(share: number, style: Style): string {
  const full = Math.max(0, Math.min(barWidth, Math.round((Number.isFinite(share) ? share : 1) * barWidth)))
  return style('cyan', '━'.repeat(full)) + style('dim', '─'.repeat(barWidth - full))
}

/** One JSON object a line; counts at most once a second, but their ends always. */
export function jsonReporter(stream: NodeJS.WritableStream): Reporter {
  let said = 0
  return {
    observe(event) {
      if (event.event === 'progress') {
        if (event.done < event.total && seconds() - said < eventPause) return
        said = seconds()
      }
      stream.write(`${JSON.stringify(event)}\n`)
    },
    end() {},
  }
}
