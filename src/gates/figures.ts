/** The figures of a run that gates look at and metrics tell, by {@link figureId}. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Difference } from '../difference/difference.js'
import { hintKinds } from '../inspection/hints.js'
import { openTable } from '../pipeline/files.js'
import { type FigureName, figureId } from '../pipeline/gates.js'
import type { Run } from '../pipeline/runs.js'
import { type Headlines, headlinesOf } from '../stages/headlines.js'
import { stringColumn, vectorColumn } from '../tables/columns.js'

/** Values by name and what they are of, such as `top1[dense]`; figures that the run does not have are absent. */
export type Figures = ReadonlyMap<string, number>

/** Level of the drift tests, after adjustment for their number. */
const alpha = 0.05

/** All figures of a run that is done, and, with a difference to an earlier one, those of the comparison. */
export async function figuresOf(run: Run, difference?: Difference): Promise<Figures> {
  const figures = new Map<string, number>()
  const set: Setter = (figure, value, key) => {
    // What is no number has become null in the manifest.
    if (value != null && Number.isFinite(value)) figures.set(figureId(figure, key), value)
  }
  setHeadlines(headlinesOf(run.manifest), set)
  for (const [level, recall] of await worstClassRecalls(run.folder)) set('worstClassRecall', recall, level)
  if (difference !== undefined) setChanges(difference, set)
  return figures
}

type Setter = (figure: FigureName, value: number | undefined, key?: string) => void

function setHeadlines({ ingest, inspect, score, robustness, retrain }: Headlines, set: Setter): void {
  if (ingest) {
    set('trainExamples', ingest.trainExamples)
    set('testExamples', ingest.testExamples)
    set('classes', ingest.classes)
    set('skipped', ingest.skipped)
  }
  if (inspect) {
    for (const kind of hintKinds) set('hints', inspect.hints[kind] ?? 0, kind)
    set('duplicateGroups', inspect.duplicateGroups)
    set('duplicatesAcrossSplits', inspect.duplicatesAcrossSplits)
    set('duplicatesOtherLabel', inspect.duplicatesOtherLabel)
    set('neighborAgreement', inspect.neighborAgreement)
  }
  if (score) {
    const { labelIssues, wrongLabels, levels, truth } = score
    set('labelIssues', labelIssues)
    if (ingest) {
      const examples = ingest.trainExamples + ingest.testExamples
      set('issueRate', labelIssues / examples)
      set('noiseRate', wrongLabels && wrongLabels.count / examples)
      set('noiseRateLow', wrongLabels && wrongLabels.low / examples)
      set('noiseRateHigh', wrongLabels && wrongLabels.high / examples)
    }
    for (const { level, top1Mean, pies, pieRate, significantClasses } of levels) {
      set('top1', top1Mean, level)
      set('pies', pies, level)
      set('pieRate', pieRate, level)
      set('significantClasses', significantClasses, level)
    }
    set('issuePrecision', truth?.precision)
    set('issueRecall', truth?.recall)
    set('averagePrecision', truth?.averagePrecision)
    set('auroc', truth?.auroc)
    set('calibrationError', truth?.calibrationError)
  }
  for (const { level, corruptedTop1Mean, relativeTop1 } of robustness?.levels ?? []) {
    set('corruptedTop1', corruptedTop1Mean, level)
    set('relativeTop1', relativeTop1, level)
  }
  for (const { arm, top1Mean, difference } of retrain?.arms ?? []) {
    set('retrainTop1', top1Mean, arm)
    set('retrainDifference', difference, arm)
  }
}

function setChanges({ examples, classes, issues, noise, levels, images }: Difference, set: Setter): void {
  set('newIssues', issues?.new.count)
  set('solvedIssues', issues?.gone.count)
  set('addedExamples', examples.added.count)
  set('removedExamples', examples.removed.count)
  set('relabeledExamples', examples.relabeled.count)
  set('editedExamples', examples.edited.count)
  set('classDrift', classes.stability)
  set('driftedStatistics', images?.filter(({ q }) => q < alpha).length)
  set('noiseRateChange', noise?.difference.share)
  for (const { level, difference } of levels) set('top1Change', difference, level)
}

/** By level, the lowest recall of a class, mean over members: of test examples, or of training ones without these. */
async function worstClassRecalls(folder: string): Promise<ReadonlyMap<string, number>> {
  const path = join(folder, 'members.parquet')
  if (!existsSync(path)) return new Map()
  const sums = new Map<string, Map<string, { recalls: Float64Array; members: number }>>()
  for await (const batch of openTable(path, { columns: ['level', 'split', 'recalls'] })) {
    const [levels, splits] = [stringColumn(batch, 'level'), stringColumn(batch, 'split')]
    const { values, size } = vectorColumn(batch, 'recalls')
    for (const [row, split] of splits.entries()) {
      const ofSplit = sums.get(split) ?? new Map()
      sums.set(split, ofSplit)
      const sum = ofSplit.get(levels[row]) ?? { recalls: new Float64Array(size), members: 0 }
      ofSplit.set(levels[row], sum)
      for (let c = 0; c < size; c++) sum.recalls[c] += values[row * size + c]
      sum.members++
    }
  }
  const judged = sums.get('test') ?? sums.get('train') ?? new Map()
  const worst = new Map<string, number>()
  for (const [level, { recalls, members }] of judged) {
    // A class without examples has no recall.
    const present = recalls.filter((recall: number) => !Number.isNaN(recall))
    if (present.length > 0) worst.set(level, Math.min(...present) / members)
  }
  return worst
}
