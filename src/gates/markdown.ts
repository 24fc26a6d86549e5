/** A verdict as Markdown, for pull requests. */
import type { Verdict } from './check.js'
import { newsText, outcomeText } from './words.js'

const marks = { held: '✅', failed: '❌', skipped: '➖' } as const

/** A heading, a line on what changed, and a table of the gates. */
export function markdownSummary(verdict: Verdict): string {
  const { pipeline, run, passed, gates } = verdict
  const rows = gates.map(
    ({ gate, outcome, reason }) =>
      `| ${marks[outcome]} | \`${gate.replaceAll('|', '\\|')}\` | ${cell(reason)} |`,
  )
  const table = rows.length === 0 ? [] : ['| | gate | |', '| --- | --- | --- |', ...rows, '']
  return [
    `### ${passed ? marks.held : marks.failed} ${cell(pipeline)}: ${outcomeText(verdict)}`,
    '',
    `Run ${run}. ${newsText(verdict)}`,
    '',
    ...table,
  ].join('\n')
}

/** Text inside a cell: on one line, and no markup of its own. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\|<>[\]*_]/g, character => `\\${character}`)
}
