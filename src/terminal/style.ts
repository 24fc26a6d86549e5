/** Colour where it is wanted: on a terminal, unless NO_COLOR says otherwise. */
import { styleText } from 'node:util'

export type Style = (format: Parameters<typeof styleText>[0], text: string) => string

/** How to style text for this stream; `hasColors` heeds NO_COLOR, FORCE_COLOR and TERM=dumb. */
export function styleFor(stream: NodeJS.WriteStream): Style {
  return stream.isTTY && stream.hasColors() ? styleText : (_, text) => text
}
