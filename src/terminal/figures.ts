/** The figures of a run as text: one line a stage, and the closing tables. */
import type { Manifest, StageRecord } from '../pipeline/manifest.js'
import { caution } from '../report/caution.js'
import { tellingChange } from '../report/data.js'
import { bytes, count, counted, fraction, meanPercent, percent, points } from '../report/format.js'
import { membersToDetect } from '../scoring/mean-difference.js'
import {
  type ArmFigures,
  type DetectionFigures,
  type Headlines,
  headlinesOf,
  type IngestHeadline,
  type InspectHeadline,
  type LevelFigures,
  type RetrainHeadline,
  type RobustnessFigures,
  type ScoreHeadline,
} from '../stages/headlines.js'
import { duration } from './duration.js'
import type { Style } from './style.js'
import { table } from './table.js'

/** What a stage found, in a few words. */
export function headlineText({ name, headline }: Pick<StageRecord, 'name' | 'headline'>): string {
  if (Object.keys(headline).length === 0) return ''
  const headlines = { [name]: headline } as Headlines
  if (headlines.ingest) {
    const { trainExamples, testExamples, classes, skipped } = headlines.ingest
    const parts = [counted(trainExamples, 'training example'), `${count(testExamples)} for testing`]
    parts.push(counted(classes, 'class', 'classes'))
    if (skipped > 0) parts.push(`${count(skipped)} skipped`)
    return parts.join(', ')
  }
  if (headlines.preview) {
    const { labelIssues, page } = headlines.preview
    return `${counted(labelIssues, 'label issue')} by the dense members alone: ${page}`
  }
  if (headlines.inspect) {
    const hints = Object.entries(headlines.inspect.hints)
    return hints.length === 0
      ? 'nothing stands out'
      : hints.map(([kind, examples]) => `${count(examples)} ${kind}`).join(', ')
  }
  if (headlines.score) return counted(headlines.score.labelIssues, 'label issue')
  if (headlines.robustness) return counted(headlines.robustness.levels.length, 'level')
  if (headlines.retrain) return counted(headlines.retrain.arms.length, 'arm')
  return Object.entries(headline)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([key, value]) => `${Number.isInteger(value) ? count(value) : fraction(value)} ${words(key)}`)
    .join(', ')
}

/** `trainExamples` → “train examples”. */
function words(key: string): string {
  return key.replace(/([a-z])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`)
}

/** All closing tables of a run that is done: levels, label issues, retraining, time. */
export function closingTables(manifest: Manifest, style: Style): string {
  const { ingest, inspect, score, robustness, retrain } = headlinesOf(manifest)
  const sections = [
    inspect && duplicateLines(inspect, style),
    score && scoreTables(score, style),
    ingest && score && cautionLine(ingest, score, style),
    robustness && robustnessTable(robustness.levels, style),
    retrain && retrain.arms.length > 0 && armTables(retrain, style),
    timeLine(manifest, style),
  ]
  return sections.filter(section => typeof section === 'string').join('\n\n')
}

/** What makes figures untrue, loudly; undefined where no duplicate does. */
function duplicateLines(
  { duplicatesAcrossSplits, duplicatesOtherLabel }: InspectHeadline,
  style: Style,
): string | undefined {
  const lines = [
    [duplicatesAcrossSplits, 'in the other split: test accuracy is flattered'],
    [duplicatesOtherLabel, 'with another label'],
  ] as const
  const found = lines.filter(([examples]) => examples > 0)
  if (found.length === 0) return undefined
  return found
    .map(([examples, where]) => {
      const subject = `${counted(examples, 'example')} ${examples === 1 ? 'has' : 'have'} a duplicate`
      return `  ${style(['bold', 'yellow'], `${subject} ${where}`)}`
    })
    .join('\n')
}

/** Loudly, that the networks know too little to judge labels by; undefined where they know enough. */
function cautionLine(
  { trainExamples, testExamples }: IngestHeadline,
  { labelIssues, levels }: ScoreHeadline,
  style: Style,
): string | undefined {
  const [dense] = levels
  if (dense === undefined) return undefined
  const said = caution(labelIssues, trainExamples + testExamples, `${percent(dense.top1Mean)} accurate`)
  return said && `  ${style(['bold', 'yellow'], said)}`
}

/** What scoring found: levels, if there are any, and label issues. */
export function scoreTables(score: ScoreHeadline, style: Style): string {
  const found = labelIssueTable(score, style)
  if (score.levels.length === 0) return found
  const tables = [levelTable(score.levels, style), seedsSentence(score.levels), found]
  return tables.filter(text => text !== undefined).join('\n\n')
}

const testNames = { welch: 'Welch', paired: 'paired' } as const

const testNamed = (classes: number, test: LevelFigures['test']): string =>
  test === undefined ? count(classes) : `${count(classes)} (${testNames[test]})`

/** What the tests of the classes could not see, and what it would take; undefined where they see enough. */
function seedsSentence(levels: readonly LevelFigures[]): string | undefined {
  const [weakest] = levels.toSorted((a, b) => (b.detectableChange ?? 0) - (a.detectableChange ?? 0))
  const { level, members, detectableChange } = weakest!
  if (members === undefined || detectableChange === undefined || detectableChange <= tellingChange)
    return undefined
  if (detectableChange >= 1) {
    return `  ${counted(members, 'seed')} are too few: at ${level} no change of a class could be told from chance.`
  }
  const needed = membersToDetect(tellingChange, detectableChange, members)
  return `  With ${counted(members, 'seed')} a class must change by ${(detectableChange * 100).toFixed(1)} points to be found at ${level}; for ${tellingChange * 100} points it takes about ${count(needed)}.`
}

function levelTable(levels: readonly LevelFigures[], style: Style): string {
  const knowsTruth = levels.some(({ noiseInPies }) => noiseInPies != null)
  const columns = [
    { title: 'level' },
    { title: 'accuracy', align: 'right' as const },
    { title: 'PIEs', align: 'right' as const },
    { title: 'rate', align: 'right' as const },
    { title: 'size', align: 'right' as const },
    { title: 'significant classes', align: 'right' as const },
    ...(knowsTruth ? [{ title: 'wrong labels in PIEs / outside', align: 'right' as const }] : []),
  ]
  const rows = levels.map(level => [
    style('bold', level.level),
    meanPercent(level.top1Mean, level.top1Sd ?? undefined),
    orDash(level.pies, count),
    orDash(level.pieRate, percent),
    orDash(level.bytes, bytes),
    orDash(level.significantClasses, found => testNamed(found, level.test)),
    ...(knowsTruth
      ? [
          level.noiseInPies == null
            ? '–'
            : `${percent(level.noiseInPies)} / ${orDash(level.noiseOutside, percent)}`,
        ]
      : []),
  ])
  return table(columns, rows, style)
}

/** How many label issues there are, and how well they are found where the truth is known. */
export function labelIssueTable(
  { labelIssues, wrongLabels, truth }: Omit<ScoreHeadline, 'levels'>,
  style: Style,
): string {
  const estimate = wrongLabels
    ? ` · ${count(Math.round(wrongLabels.count))} labels estimated to be wrong (${count(Math.round(wrongLabels.low))} to ${count(Math.round(wrongLabels.high))})`
    : ''
  const found = `  ${style('bold', counted(labelIssues, 'label issue'))} found${estimate}`
  if (!truth) return found
  const columns = [
    { title: 'wrong labels' },
    { title: 'there are', align: 'right' as const },
    { title: 'precision', align: 'right' as const },
    { title: 'recall', align: 'right' as const },
    { title: 'average precision', align: 'right' as const },
    { title: 'AUROC', align: 'right' as const },
    { title: 'precision at 1 % / 5 %', align: 'right' as const },
  ]
  const row = (name: string, figures: DetectionFigures, precision: string, lowest: string) => [
    name,
    count(figures.issues),
    precision,
    percent(figures.recall),
    fraction(figures.averagePrecision),
    fraction(figures.auroc),
    lowest,
  ]
  const lowest = `${percent(truth.precisionAt1)} / ${percent(truth.precisionAt5)}`
  const rows = [
    row(style('bold', 'all'), truth, percent(truth.precision), lowest),
    ...Object.entries(truth.byKind).map(([kind, figures]) => row(kind, figures, '', '')),
  ]
  return `${found}; against the known truth:\n${table(columns, rows, style)}`
}

function robustnessTable(levels: readonly RobustnessFigures[], style: Style): string {
  const sets = [...new Set(levels.flatMap(({ natural }) => Object.keys(natural ?? {})))]
  const columns = [
    { title: 'corrupted pictures' },
    { title: 'accuracy', align: 'right' as const },
    { title: 'clean', align: 'right' as const },
    { title: 'corrupted ÷ clean', align: 'right' as const },
    ...sets.map(title => ({ title, align: 'right' as const })),
  ]
  const rows = levels.map(({ level, corruptedTop1Mean, cleanTop1Mean, relativeTop1, natural }) => [
    style('bold', level),
    orDash(corruptedTop1Mean, percent),
    orDash(cleanTop1Mean, percent),
    orDash(relativeTop1, percent),
    ...sets.map(set => orDash(natural?.[set], percent)),
  ])
  return table(columns, rows, style)
}

function armTables({ arms, recommendation }: RetrainHeadline, style: Style): string {
  const found = armTable(arms, style)
  return recommendation === undefined ? found : `${found}\n\n  ${style('bold', recommendation)}`
}

function armTable(arms: readonly ArmFigures[], style: Style): string {
  const columns = [
    { title: 'retrained on' },
    { title: 'examples', align: 'right' as const },
    { title: 'test accuracy', align: 'right' as const },
    { title: 'difference in points', align: 'right' as const },
    { title: '95 % interval', align: 'right' as const },
  ]
  const rows = arms.map(({ arm, examples, top1Mean, top1Sd, difference, low, high }) => [
    style('bold', arm),
    count(examples),
    meanPercent(top1Mean, top1Sd ?? undefined),
    orDash(difference, points),
    low == null || high == null ? '' : `${points(low)} to ${points(high)}`,
  ])
  return table(columns, rows, style)
}

function timeLine({ stages, started, finished }: Manifest, style: Style): string {
  const parts = stages.map(
    ({ name, reused, seconds }) => `${name} ${reused ? 'reused' : duration(seconds ?? 0)}`,
  )
  const all =
    finished === null ? '' : `${duration((Date.parse(finished) - Date.parse(started)) / 1000)} in all: `
  return style('dim', `  ${all}${parts.join(' · ')}`)
}

function orDash(value: number | null | undefined, text: (value: number) => string): string {
  return value == null ? '–' : text(value)
}
