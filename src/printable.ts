/** Text of the data where a terminal shows it. */

/** Text of files must not move the cursor, ring the bell or change colours: control characters are written out. */
export const printable = (text: string): string =>
  text.replace(/[^\P{Cc}\t\n]/gu, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)

/** Scripts that run from right to left, and what turns the direction by itself. */
const turning =
  /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Bidi_Control}]/u

/** Text within a line, apart from it where its writing direction could reorder what stands beside it. */
export const isolated = (text: string): string => (turning.test(text) ? `\u2068${text}\u2069` : text)
