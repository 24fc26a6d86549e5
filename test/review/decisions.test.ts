import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecisionIndex } from '../../src/review/decision-index.js'
import {
  currentDecisions,
  type Decision,
  decisionKey,
  formatEvent,
  isUndo,
  parseEvents,
  type ReviewEvent,
} from '../../src/review/decisions.js'

const time = '2026-01-01T10:00:00.000Z'

let ids = 0
function decision(fields: Partial<Decision> = {}): Decision {
  return { id: `e${ids++}`, example_id: 'x', given: 'cat', reviewer: 'anna', time, action: 'keep', ...fields }
}
const undo = ({ id, example_id, given, reviewer }: Decision): ReviewEvent => ({
  ...{ id: `e${ids++}`, example_id, given, reviewer, time },
  undoes: id,
})
const standing = (events: readonly ReviewEvent[]) => currentDecisions(events).get(decisionKey('x', 'cat'))

/** Decisions of three reviewers about three examples, some of them taken back later. */
const eventLists = fc
  .array(
    fc.record({
      example: fc.constantFrom('x', 'y', 'z'),
      reviewer: fc.constantFrom('anna', 'ben', 'chen'),
      verdict: fc.constantFrom<Partial<Decision>>(
        { action: 'keep' },
        { action: 'drop', kind: 'corrupted' },
        { action: 'unsure' },
        { action: 'relabel', label: 'dog' },
        { action: 'relabel', label: 'emu\n"\u2028' },
      ),
      undoes: fc.option(fc.nat()),
    }),
    { maxLength: 40 },
  )
  .map(steps => {
    const events: ReviewEvent[] = []
    for (const { example, reviewer, verdict, undoes } of steps) {
      const own = events.filter(
        (event): event is Decision =>
          !isUndo(event) && event.reviewer === reviewer && event.example_id === example,
      )
      if (undoes !== null && own.length > 0) events.push(undo(own[undoes % own.length]!))
      else events.push(decision({ example_id: example, reviewer, ...verdict }))
    }
    return events
  })

describe('what holds of an example', () => {
  test('is what its reviewer said last', () => {
    expect(standing([decision(), decision({ action: 'drop' })])!.decision.action).toBe('drop')
  })

  test('is what was said before, where the last is taken back', () => {
    const [first, second] = [decision(), decision({ action: 'drop' })]
    expect(standing([first, second, undo(second)])!.decision).toBe(first)
    expect(standing([first, second, undo(second), undo(first)])).toBeUndefined()
  })

  test('is disputed where two reviewers say otherwise, and not where one of them is unsure', () => {
    const relabel = decision({ action: 'relabel', label: 'dog' })
    expect(standing([relabel, decision({ reviewer: 'ben' })])!.disputed).toBe(true)
    expect(standing([relabel, decision({ reviewer: 'ben', action: 'unsure' })])!.disputed).toBe(false)
    expect(
      standing([relabel, decision({ reviewer: 'ben', action: 'relabel', label: 'dog' })])!.disputed,
    ).toBe(false)
    expect(
      standing([relabel, decision({ reviewer: 'ben', action: 'relabel', label: 'emu' })])!.disputed,
    ).toBe(true)
    // Who changes his mind disagrees with nobody.
    expect(standing([relabel, decision()])!.disputed).toBe(false)
  })

  test('ends with the label that was judged', () => {
    expect(standing([decision({ given: 'dog' })])).toBeUndefined()
  })

  test('is the same, whether events come at once or in any portions', () => {
    fc.assert(
      fc.property(eventLists, fc.array(fc.nat(5)), (events, portions) => {
        const index = new DecisionIndex()
        let begin = 0
        for (const size of [...portions, events.length]) {
          index.add(events.slice(begin, begin + size))
          begin += size
        }
        const whole = currentDecisions(events)
        for (const example of ['x', 'y', 'z']) {
          const key = decisionKey(example, 'cat')
          expect(index.standing(key)).toEqual(whole.get(key))
          expect(index.history(example)).toEqual(events.filter(({ example_id }) => example_id === example))
        }
      }),
    )
  })
})

describe('the text of the log', () => {
  test('gives back the events it was made of', () => {
    fc.assert(
      fc.property(eventLists, events => {
        expect(parseEvents(events.map(formatEvent).join(''))).toEqual({ events, torn: [] })
      }),
    )
  })

  test('cut anywhere, keeps every whole line and names the one that is cut', () => {
    fc.assert(
      fc.property(eventLists, fc.nat(), (events, cut) => {
        const lines = events.map(formatEvent)
        const text = lines.join('')
        const bytes = Buffer.from(text).subarray(0, cut % (Buffer.byteLength(text) + 1))
        const left = bytes.toString()
        const whole = left.split('\n').length - 1
        const parsed = parseEvents(left)
        const rest = left.slice(left.lastIndexOf('\n') + 1)
        // A line that lacks nothing but its end is whole.
        const last = rest !== '' && `${rest}\n` === lines[whole]
        expect(parsed.events).toEqual(events.slice(0, whole + Number(last)))
        expect(parsed.torn).toEqual(rest === '' || last ? [] : [whole + 1])
      }),
    )
  })

  test.each([
    [{ action: 'relabel' }, 'there must be a label with the action relabel'],
    [{ action: 'keep', label: 'dog' }, 'there must be a label with the action relabel'],
    [{ action: 'relabel', label: 'cat' }, 'is the given one'],
    [{ action: 'burn' }, 'Invalid option'],
    [{ time: 'yesterday' }, 'Invalid ISO datetime'],
    [{ colour: 'red' }, 'Unrecognized key'],
  ])('%j is refused with its line', (fields, words) => {
    const text = `${formatEvent(decision())}${JSON.stringify({ ...decision(), ...fields })}\n`
    expect(() => parseEvents(text)).toThrow(`line 2 is no decision: `)
    expect(() => parseEvents(text)).toThrow(words)
  })
})
