/** A verdict as JUnit XML, which CI systems show beside their tests (schema of Apache Ant’s junitreport). */
import type { Verdict } from './check.js'

/** One test suite, a test case for each gate. */
export function junitXml({ pipeline, run, gates }: Verdict): string {
  const cases = gates.map(({ gate, outcome, reason }) => {
    const attributes = `classname="${escaped(pipeline)}" name="${escaped(gate)}" time="0"`
    if (outcome === 'held') return `    <testcase ${attributes}/>`
    const [tag, kind] = outcome === 'failed' ? ['failure', ' type="gate"'] : ['skipped', '']
    return `    <testcase ${attributes}>\n      <${tag}${kind} message="${escaped(reason)}"/>\n    </testcase>`
  })
  const count = (wanted: string) => gates.filter(({ outcome }) => outcome === wanted).length
  const counts = `tests="${gates.length}" failures="${count('failed')}" errors="0" skipped="${count('skipped')}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${escaped(`${pipeline} ${run}`)}" ${counts} time="0">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Text for an attribute's value; characters that XML 1.0 cannot hold become U+FFFD. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"]/g, character => entities[character])
    .replace(/[\t\n\r]/g, character => `&#${character.charCodeAt(0)};`)
}
