/** Report data as a run would give them, drawn from a seed: of the size, classes and spread of a real study. */
import sharp from 'sharp'
import type { RandomStream } from '../../src/random.js'
import { randomStream } from '../../src/random.js'
import type {
  ArmSummary,
  ClassImpact,
  ConfusionPair,
  LevelSummary,
  ReportData,
  SplitSummary,
  Suspect,
} from '../../src/report/data.js'

export interface FixtureOptions {
  readonly classNames?: readonly string[]
  readonly suspects?: number
  /** How many of the suspects come with a picture; 0 with `features`. */
  readonly pictures?: number
  /** Names of the features, in place of images. */
  readonly features?: readonly string[]
  readonly retrain?: boolean
  readonly groups?: readonly string[]
  /** An id for each row. */
  readonly id?: (row: number) => string
}

export const letters = [...'ABCDEFGHIJ']

const specs = [
  { name: 'dense', method: 'dense', sparsity: 0, bits: 32, bytes: 231_000, drop: 0, pies: 0.078 },
  {
    name: 'magnitude-0.3',
    method: 'magnitude',
    sparsity: 0.3,
    bits: 32,
    bytes: 231_000,
    drop: 0.001,
    pies: 0.014,
  },
  {
    name: 'magnitude-0.5',
    method: 'magnitude',
    sparsity: 0.5,
    bits: 32,
    bytes: 231_000,
    drop: 0.004,
    pies: 0.021,
  },
  {
    name: 'magnitude-0.7',
    method: 'magnitude',
    sparsity: 0.7,
    bits: 32,
    bytes: 231_000,
    drop: 0.011,
    pies: 0.034,
  },
  {
    name: 'magnitude-0.9',
    method: 'magnitude',
    sparsity: 0.9,
    bits: 32,
    bytes: 231_000,
    drop: 0.031,
    pies: 0.068,
  },
  { name: 'float16', method: 'float16', sparsity: 0, bits: 16, bytes: 117_000, drop: 0, pies: 0.0004 },
  {
    name: 'int8-dynamic',
    method: 'int8-dynamic',
    sparsity: 0,
    bits: 8,
    bytes: 68_000,
    drop: 0.001,
    pies: 0.004,
  },
  {
    name: 'int8-static',
    method: 'int8-static',
    sparsity: 0,
    bits: 8,
    bytes: 70_000,
    drop: 0.002,
    pies: 0.009,
  },
] as const

/** Whole and consistent report data; the same options give the same data. */
export async function reportFixture(options: FixtureOptions = {}): Promise<ReportData> {
  const { classNames = letters, features } = options
  const random = randomStream(1, 'report fixture', classNames.length)
  const examples = { train: 10_000, test: 2_000, skipped: 3 }
  const splits = [split('train', examples.train, 0.872, random), split('test', examples.test, 0.923, random)]
  const listed = await suspectRows(options, classNames, random)
  const issues = listed.filter(({ issue }) => issue)
  return {
    pipeline: 'glyphs',
    classNames,
    input: features
      ? { kind: 'features', features: features.length }
      : { kind: 'image', height: 28, width: 28, channels: 1 },
    examples,
    population: { seeds: 10, crossFit: 5, architecture: 'cnn-small' },
    splits,
    classes: impacts(classNames, options.groups ?? [], random),
    overlaps: specs.slice(1).flatMap((a, i) =>
      specs.slice(i + 2).map(b => ({
        levels: [a.name, b.name] as const,
        both: Math.round(Math.min(a.pies, b.pies) * 6000),
        jaccard: Math.min(a.pies, b.pies) / (a.pies + b.pies),
        expected: a.pies * b.pies * 12_000,
      })),
    ),
    stability: specs.slice(1).flatMap(({ name, pies }) =>
      [5, 10].map(members => {
        const found = 12_000 * pies
        const again = 0.35 + members * 0.02
        return {
          level: name,
          members,
          pies: { mean: found, low: found * 0.9, high: found * 1.1 },
          recurrence: { mean: again, low: again - 0.08, high: again + 0.08 },
        }
      }),
    ),
    alpha: 0.05,
    labels: {
      examples: examples.train + examples.test,
      issues: issues.length,
      bySplit: [
        { split: 'train', examples: examples.train, issues: issues.length },
        { split: 'test', examples: examples.test, issues: 0 },
      ],
      byClass: classNames.map((_, index) => ({
        examples: Math.round((examples.train + examples.test) / classNames.length),
        issues: issues.filter(({ given }) => given === index).length,
      })),
      wrong: { count: 1180, low: 1121, high: 1242 },
      noise: confusion(issues).map(pair => ({ ...pair, examples: pair.examples * 1.3 })),
      wrongByClass: classNames.map((_, c) => ({ count: 100 + c, low: 80 + c, high: 121 + c })),
      rule: 'label quality below 0.5',
      quality: histogram(issues.length, examples.train + examples.test),
      confusion: confusion(issues),
      truth: {
        wrong: 1130,
        precision: 0.912,
        recall: 0.817,
        averagePrecision: 0.894,
        auroc: 0.973,
        calibrationError: 0.021,
        reliability: Array.from({ length: 10 }, (_, bin) => ({
          examples: bin === 9 ? 9000 : 100,
          quality: (bin + 0.5) / 10,
          right: (bin + 0.5) ** 1.1 / 10 ** 1.1,
        })),
      },
    },
    ...(options.retrain === false ? {} : { retrain: arms(random) }),
    checks: {
      splits: ['train', 'test'],
      hints: [
        { kind: 'blurry', bySplit: [62, 9] },
        { kind: 'exact-duplicate', bySplit: [0, 0] },
        { kind: 'near-duplicate', bySplit: [80, 31] },
        { kind: 'leak', bySplit: [31, 28] },
      ],
      leaks: 59,
      otherLabel: 1,
      neighborAgreement: 0.871,
    },
    suspects: {
      total: listed.length,
      issues: issues.length,
      pies: listed.filter(({ votes }) => votes.some(({ pie }) => pie)).length,
      listed,
      featureNames: features ?? [],
    },
  }
}

function split(name: string, examples: number, accuracy: number, random: RandomStream): SplitSummary {
  const spread = (mean: number) => ({
    mean: mean + random.normal() * 0.001,
    sd: 0.002 + random.uniform() * 0.004,
  })
  const levels = specs.map(
    ({ drop, pies, ...level }): LevelSummary => ({
      ...level,
      members: 10,
      top1: spread(accuracy - drop),
      top5: spread(0.994 - drop / 4),
      top1OnPies: spread(0.46 - drop * 2),
      top1OffPies: spread(accuracy + 0.035 - drop / 3),
      pies: Math.round(pies * examples),
      pieRate: Math.round(pies * examples) / examples,
      significantClasses: Math.round(drop * 120),
      test: level.method === 'dense' ? undefined : level.bits < 32 ? ('paired' as const) : ('welch' as const),
      detectableChange: level.method === 'dense' ? Number.NaN : 0.018,
      impactSpread: level.method === 'dense' ? Number.NaN : 0.004 + drop * 0.9,
      worstTenthShare: drop > 0 ? 0.31 : Number.NaN,
    }),
  )
  return { split: name, examples, levels }
}

function impacts(
  classNames: readonly string[],
  groups: readonly string[],
  random: RandomStream,
): ClassImpact[] {
  return ['train', 'test'].flatMap(split =>
    specs.slice(1).flatMap(level =>
      [undefined, ...groups].flatMap(group =>
        classNames.map((_, index): ClassImpact => {
          const relativeChange = random.normal() * (0.004 + level.drop * 0.9)
          const dense = 0.85 + random.uniform() * 0.12
          const isLarge = Math.abs(relativeChange) > 0.02
          return {
            level: level.name,
            split,
            class: index,
            ...(group === undefined ? {} : { group }),
            examples: 200,
            denseRecall: { mean: dense, sd: 0.01 },
            levelRecall: { mean: dense - level.drop + relativeChange, sd: 0.012 },
            relativeChange,
            q: isLarge ? random.uniform() * 0.04 : 0.06 + random.uniform() * 0.9,
            significant: isLarge,
          }
        }),
      ),
    ),
  )
}

function histogram(issues: number, examples: number) {
  const bins = 40
  const shape = (at: (x: number) => number, total: number, from: number, to: number) => {
    const weights = Array.from({ length: bins }, (_, bin) =>
      bin >= from && bin < to ? at((bin + 0.5) / bins) : 0,
    )
    const sum = weights.reduce((a, b) => a + b, 0)
    return weights.map(weight => Math.round((total * weight) / sum))
  }
  return {
    issues: shape(x => 1 + 4 * Math.exp(-x * 6), issues, 0, bins / 2),
    others: shape(x => Math.exp((x - 1) * 14) + 0.002, examples - issues, bins / 2, bins),
  }
}

function confusion(issues: readonly Suspect[]): ConfusionPair[] {
  const counts = new Map<string, ConfusionPair>()
  for (const { given, suggested } of issues) {
    const key = `${given} ${suggested}`
    counts.set(key, { given, suggested, examples: (counts.get(key)?.examples ?? 0) + 1 })
  }
  return [...counts.values()].sort((a, b) => b.examples - a.examples || a.given - b.given)
}

function arms(random: RandomStream): ArmSummary[] {
  const effects = { all: 0, 'non-pie': 0.006, random: -0.002, cleaned: 0.013, relabeled: 0.016 }
  return Object.entries(effects).map(([arm, effect]): ArmSummary => {
    const runs = Array.from({ length: 5 }, () => 0.923 + effect + random.normal() * 0.002)
    const mean = runs.reduce((a, b) => a + b, 0) / runs.length
    return {
      arm,
      examples: { all: 10_000, 'non-pie': 9_320, random: 9_320, cleaned: 8_990, relabeled: 10_000 }[arm] ?? 0,
      relabeled: arm === 'relabeled' ? 1_010 : 0,
      runs,
      top1: { mean, sd: 0.002 },
      top1OnPies: 0.46 + effect,
      top1OffPies: 0.955 + effect,
      ...(arm === 'all' ? {} : { difference: { mean: effect, low: effect - 0.004, high: effect + 0.004 } }),
    }
  })
}

async function suspectRows(
  { suspects = 1_400, pictures = 500, features, id }: FixtureOptions,
  classNames: readonly string[],
  random: RandomStream,
): Promise<Suspect[]> {
  const rows = Array.from({ length: suspects }, (_, row): Suspect => {
    const issue = row < suspects * 0.72
    const given = random.integer(classNames.length)
    const neighbour =
      (given + 1 + Math.floor(random.uniform() ** 3 * (classNames.length - 1))) % classNames.length
    const suggested = issue || random.uniform() < 0.4 ? neighbour : given
    const votes = specs.map((level, i) => {
      const isOdd = random.uniform() < level.pies * 5
      const usual = issue ? suggested : given
      const modal = i > 0 && isOdd ? (given + 3) % classNames.length : usual
      return { modal, agreement: Math.ceil(random.uniform() * 6 + 4) / 10, pie: false }
    })
    const marked = votes.map((vote, i) => ({ ...vote, pie: i > 0 && vote.modal !== votes[0]!.modal }))
    // Whoever is listed is an issue or a PIE.
    if (!issue && !marked.some(({ pie }) => pie)) {
      marked[4] = {
        modal: (given + 1) % classNames.length,
        agreement: 0.6,
        pie: marked[0]!.modal !== (given + 1) % classNames.length,
      }
    }
    return {
      rank: row + 1,
      id: id?.(row) ?? `glyph-${String((row * 7919) % 10_000).padStart(5, '0')}`,
      split: 'train',
      given,
      suggested,
      suggestedProbability: issue ? 0.5 + 0.5 * random.uniform() : 0.4 + 0.3 * random.uniform(),
      labelQuality: (row + 0.5) / suspects / 1.4,
      disagreement: random.uniform() * 0.6,
      issue,
      hints: hintsOf(row),
      votes: marked,
      ...(features ? { features: features.map(() => random.normal() * 3) } : {}),
    }
  })
  if (features) return rows
  return Promise.all(
    rows.map(async (row, i) => (i < pictures ? { ...row, picture: await drawing(classNames, row, i) } : row)),
  )
}

/** Hints of every tenth suspect. */
function hintsOf(row: number): string[] {
  if (row % 10 !== 3) return []
  return row % 20 === 3 ? ['blurry'] : ['near-duplicate', 'leak']
}

const fonts = ['DejaVu Serif', 'Liberation Sans', 'DejaVu Sans Mono', 'Liberation Serif']

/** A letter, turned and shifted a little, as a grey PNG. */
async function drawing(classNames: readonly string[], suspect: Suspect, row: number): Promise<string> {
  const random = randomStream(2, 'drawing', row)
  const shown = suspect.issue ? suspect.suggested : suspect.given
  const letter = String.fromCodePoint(97 - 32 * random.integer(2) + (shown % Math.min(26, classNames.length)))
  const turn = random.normal() * 8
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="28" height="28"><rect width="28" height="28"/><text x="14" y="22" fill="#fff" font-family="${fonts[row % fonts.length]}" font-weight="${random.integer(2) === 0 ? 400 : 700}" font-size="22" text-anchor="middle" transform="rotate(${turn} 14 14)">${letter}</text></svg>`
  const png = await sharp(Buffer.from(svg)).greyscale().png({ compressionLevel: 9 }).toBuffer()
  return `data:image/png;base64,${png.toString('base64')}`
}
