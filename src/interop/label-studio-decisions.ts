/** Decisions of people who judged suspects in Label Studio, from its export of the tasks that `export` wrote. */
import { basename } from 'node:path'
import { choicesOf, type LabelStudioAnnotation, readTasks } from '../dataset/label-studio.js'
import { DataError } from '../errors.js'
import type { Decision } from '../review/decisions.js'

/**
 * One decision an annotation: another choice than the given label is a new label, the same one keeps it, a cancelled or
 * empty annotation is unsure.
 * @throws DataError if the file is no such export, or a task is none of ours
 */
export async function labelStudioDecisions(path: string): Promise<Decision[]> {
  const tasks = await readTasks({ path, name: basename(path) })
  return tasks.flatMap(({ id, data, annotations }, row) => {
    const { example_id, given } = data
    if (typeof example_id !== 'string' || typeof given !== 'string') {
      throw new DataError('the task does not say which example it is', {
        file: path,
        row,
        key: 'data',
        mend: 'Import the tasks that "pieline export --to label-studio" wrote, and export those.',
      })
    }
    return annotations.map((annotation, at): Decision => {
      const choices = annotation.was_cancelled === true ? [] : choicesOf(annotation)
      if (choices.length > 1) {
        throw new DataError(`the task has several choices: ${choices.join(', ')}`, { file: path, row })
      }
      const [choice] = choices
      const common = {
        id: `label-studio-${id ?? row}-${at}`,
        example_id,
        given,
        reviewer: reviewerOf(annotation),
        time: annotation.updated_at ?? annotation.created_at ?? new Date(0).toISOString(),
        note: 'Label Studio',
      }
      if (choice === undefined) return { ...common, action: 'unsure' }
      return choice === given
        ? { ...common, action: 'keep' }
        : { ...common, action: 'relabel', label: choice, kind: 'mislabeled' }
    })
  })
}

function reviewerOf({ completed_by: by }: LabelStudioAnnotation): string {
  if (by === undefined || by === null) return 'somebody'
  if (typeof by !== 'object') return `annotator ${by}`
  return by.email ?? `annotator ${by.id}`
}
