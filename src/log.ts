/** What programs that go on tell: events with fields, as JSON lines for machines or as text for people. */

export type Level = 'info' | 'warn' | 'error'

/** Tells one event; fields are JSON values, and none is a secret. */
export type Log = (level: Level, event: string, fields?: Readonly<Record<string, unknown>>) => void

/** One JSON object a line: `time` (UTC, ISO 8601), `level`, `event`, and the fields. */
export function jsonLog(write: (line: string) => void): Log {
  return (level, event, fields = {}) =>
    write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })}\n`)
}

/** The same for people: the time, the pipeline, the event in words, and the fields that are plain values. */
export function textLog(write: (line: string) => void): Log {
  return (level, event, { pipeline, ...fields } = {}) => {
    const words = [
      new Date().toISOString(),
      ...(level === 'info' ? [] : [level]),
      ...(pipeline === undefined ? [] : [`${pipeline}:`]),
      event.replaceAll('-', ' '),
    ]
    const plain = Object.entries(fields).filter(([, value]) => value !== null && typeof value !== 'object')
    write(`${words.join(' ')}${plain.map(([name, value]) => `  ${name} ${value}`).join('')}\n`)
  }
}
