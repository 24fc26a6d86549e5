/** Numbers as people read them. English, a narrow no-break space before units, a true minus sign. */

const space = '\u202f'

/** A share as per cent: 0.1234 → “12.3 %”. NaN gives a dash. */
export function percent(share: number, digits = 1): string {
  return Number.isFinite(share) ? `${signed((share * 100).toFixed(digits))}${space}%` : '–'
}

/** A difference of shares in percentage points, with its sign: 0.012 → “+1.2”. */
export function points(difference: number, digits = 1): string {
  if (!Number.isFinite(difference)) return '–'
  const text = (difference * 100).toFixed(digits)
  return Number(text) > 0 ? `+${text}` : signed(text)
}

/** 1012 → “1,012”. */
export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 })
}

/** A count with its noun: “1 label”, “1,012 labels”. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`
}

/** Bytes in decimal units: 1_234_567 → “1.2 MB”. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = value < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3))
  const scaled = value / 1000 ** power
  return `${scaled.toFixed(power === 0 || scaled >= 100 ? 0 : 1)}${space}${units[power]}`
}

/** A number between 0 and 1 that is not a share, such as label quality or a p value: “0.042”, “< 0.001”. */
export function fraction(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return '–'
  const least = 10 ** -digits
  return value > 0 && value < least ? `<${space}${least}` : value.toFixed(digits)
}

/** Mean and sample standard deviation of shares: “91.2 ± 0.4 %”; the mean alone where a single member gives no spread. */
export function meanPercent(mean: number, sd: number | undefined): string {
  if (!Number.isFinite(mean)) return '–'
  if (sd === undefined || !Number.isFinite(sd)) return percent(mean)
  return `${(mean * 100).toFixed(1)} ± ${(sd * 100).toFixed(1)}${space}%`
}

/** Pixels that text of 12 pixels takes in a wide sans-serif; ideographs and emoji are as wide as they are high. */
export function textWidth(text: string): number {
  let pixels = 0
  for (const character of text) pixels += character.codePointAt(0)! < 0x2e80 ? 7.3 : 12.5
  return pixels
}

/** Cuts text to a width in pixels, for axes; the table beside a chart has the whole name. */
export function shorten(text: string, pixels: number): string {
  if (textWidth(text) <= pixels) return text
  let kept = ''
  for (const character of text) {
    if (textWidth(kept + character) + 7.3 > pixels) break
    kept += character
  }
  return `${kept.trimEnd()}…`
}

function signed(text: string): string {
  const zero = Number(text) === 0
  return text.startsWith('-') ? (zero ? text.slice(1) : `−${text.slice(1)}`) : text
}
