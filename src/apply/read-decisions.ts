/** What was decided about a run: in a review, or by another tool. */
import { ConfigError } from '../errors.js'
import { cvatDecisions } from '../interop/cvat.js'
import { labelStudioDecisions } from '../interop/label-studio-decisions.js'
import type { Run } from '../pipeline/runs.js'
import { decisionsPath, readDecisions } from '../review/decision-log.js'
import type { ReviewEvent } from '../review/decisions.js'

/**
 * The decisions of a run's review, or of a file.
 * @param path another decisions.jsonl, Label Studio's JSON export, or CVAT's XML
 * @throws ConfigError if the file named has no decisions; DataError, naming file and row, if it is none of these
 */
export async function decisionsOf(run: Run, path?: string): Promise<readonly ReviewEvent[]> {
  if (path !== undefined && /\.json$/i.test(path)) return labelStudioDecisions(path)
  if (path !== undefined && /\.xml$/i.test(path)) return cvatDecisions(run.folder, path)
  const { events } = await readDecisions(path ?? decisionsPath(run.folder))
  if (path !== undefined && events.length === 0) {
    throw new ConfigError('there are no decisions', { file: path, mend: 'Check the path.' })
  }
  return events
}
