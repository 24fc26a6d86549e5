/** What a pipeline's retention lets go, and what it must not: the run that the next ones are compared with. */
import { join } from 'node:path'
import { lastGoodRun } from '../gates/check.js'
import { expiredRuns, type Retention } from '../pipeline/prune.js'
import { listRuns, type Run } from '../pipeline/runs.js'

/** The runs of a pipeline that go by its retention. */
export async function runsToRemove(
  out: string,
  pipeline: string,
  keep: Retention | undefined,
): Promise<Run[]> {
  const folder = join(out, pipeline)
  const good = await lastGoodRun(folder)
  return expiredRuns(await listRuns(folder), keep, good ? [good] : [], Date.now())
}
