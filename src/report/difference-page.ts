/** What changed between two runs, as a page. */
import * as Plot from '@observablehq/plot'
import type { ClassCounts } from '../difference/class-balance.js'
import type {
  ChangedExample,
  ChangedExamples,
  Difference,
  LevelChange,
  MarkChanges,
  StatisticDrift,
} from '../difference/difference.js'
import { type Content, type Html, html, name } from '../pages/html.js'
import { axisLabels, chart, colour, type LegendEntry, type TableColumn, table, width } from './chart.js'
import {
  accuracyCaution,
  balanceSentence,
  driftAlpha,
  examplesSentence,
  imagesSentence,
  marksSentence,
  noiseSentence,
  settingText,
} from './difference-words.js'
import { count, fraction, meanPercent, percent, points } from './format.js'
import { renderPage } from './page.js'
import type { Section } from './sections/section.js'
import { shownCards, suspectCards } from './suspect-cards.js'

/** Rows of the tables; of pairs of classes fewer. */
const tableRows = 100
const pairRows = 12
/** Classes drawn: those whose share moved most. */
const drawnClasses = 30

const sides: readonly LegendEntry[] = [
  { label: 'earlier run', colour: 'muted', shape: 'circle' },
  { label: 'later run', colour: 'first', shape: 'circle' },
]

/**
 * The page. Same difference, same bytes; every string of the data is escaped.
 * @param pictures data URIs by example id, of new label issues
 */
export function differencePage(difference: Difference, pictures: ReadonlyMap<string, string>): string {
  const { a, b, issues, pies } = difference
  const sections = [
    examplesSection(difference),
    issues && marksSection('issues', 'Label issues', issues, 'label issue', pictures),
    pies && marksSection('pies', 'PIEs', pies, 'PIE', new Map()),
    levelSection(difference),
    classSection(difference),
    imageSection(difference),
    settingSection(difference),
  ].filter((section): section is Section => section !== undefined)
  return renderPage({
    title: `${a.name} → ${b.name}: pieline diff`,
    hero: hero(difference),
    sections,
    origin: `Made by pieline from the tables of ${a.name} and ${b.name}.`,
  })
}

function hero(difference: Difference): Html {
  const { a, b, examples, issues, noise, classes } = difference
  const rest = [
    issues && marksSentence(issues, 'label issue'),
    noiseSentence(difference),
    balanceSentence(difference),
    imagesSentence(difference),
  ].filter(sentence => sentence !== undefined)
  const figures: [string, string, string][] = [
    [
      'Examples',
      count(b.examples),
      `${count(examples.added.count)} added, ${count(examples.removed.count)} removed`,
    ],
    ['Relabeled', count(examples.relabeled.count), `${count(examples.relabelings.length)} pairs of classes`],
    ...(issues
      ? ([
          ['New label issues', count(issues.new.count), `${count(issues.new.added)} on added examples`],
          ['Gone', count(issues.gone.count), `${count(issues.still.count)} still there`],
        ] as [string, string, string][])
      : []),
    ...(noise
      ? ([['Wrong labels', percent(noise.b.share), `estimated; ${percent(noise.a.share)} before`]] as [
          string,
          string,
          string,
        ][])
      : []),
    ['Class balance', fraction(classes.stability), 'population stability index'],
  ]
  return html`<header class="hero">
<p class="eyebrow">pieline diff <span aria-hidden="true">·</span> ${name(a.name)} <span aria-hidden="true">→</span> ${name(b.name)}</p>
<h1>${examplesSentence(difference)}</h1>
<div class="lead">${rest.map(text => html`<p>${text}</p>\n`)}</div>
<dl class="figures">
${figures.map(([term, value, note]) => html`<div><dt>${term}</dt><dd>${value}<small>${note}</small></dd></div>\n`)}</dl>
</header>
`
}

function examplesSection({ examples }: Difference): Section {
  const { added, removed, relabeled, edited, moved, relabelings } = examples
  const lists = [
    [relabeled, 'Relabeled examples'],
    [added, 'Added examples'],
    [removed, 'Removed examples'],
    [edited, 'Examples of other content'],
    [moved, 'Examples in the other split'],
  ] as const
  return {
    id: 'examples',
    title: 'Examples',
    body: html`<p class="about">Examples are found again by their id; their content is compared byte for byte.</p>
${
  relabelings.length > 0 &&
  table(
    'Relabelings, most frequent first',
    [
      { head: 'From', value: ({ from }) => name(from) },
      { head: 'To', value: ({ to }) => name(to) },
      { head: 'Examples', numeric: true, value: pair => count(pair.count) },
    ],
    relabelings.slice(0, pairRows),
    rest(relabelings.length, Math.min(pairRows, relabelings.length), 'pairs'),
  )
}
${lists.map(([list, title]) => exampleDetails(title, list))}`,
  }
}

/** Some examples behind a line to unfold; nothing where there are none. */
function exampleDetails(title: string, { count: all, listed }: ChangedExamples): Content {
  if (all === 0) return undefined
  return html`<details><summary>${title}: ${count(all)}</summary>
${exampleTable(title, listed, all)}</details>
`
}

function exampleTable(title: string, listed: readonly ChangedExample[], all: number): Html {
  const shown = listed.slice(0, tableRows)
  const columns: TableColumn<ChangedExample>[] = [
    { head: 'Example', value: ({ id }) => name(id) },
    { head: 'Split', value: ({ split }) => split },
    { head: 'Label before', value: ({ labels }) => name(labels[0] ?? '–') },
    { head: 'Label now', value: ({ labels }) => name(labels[1] ?? '–') },
    { head: 'Suggested', value: ({ suggested }) => name(suggested ?? '–') },
    { head: 'Label quality', numeric: true, value: ({ quality }) => fraction(quality ?? Number.NaN) },
  ]
  return table(title, columns, shown, rest(all, shown.length, 'examples'))
}

function rest(all: number, shown: number, noun: string): string | undefined {
  return all > shown ? `The first ${count(shown)} of ${count(all)} ${noun}.` : undefined
}

function marksSection(
  id: string,
  title: string,
  marks: MarkChanges,
  noun: string,
  pictures: ReadonlyMap<string, string>,
): Section {
  return {
    id,
    title,
    body: html`<p class="about">${marksSentence(marks, noun)} Judged otherwise: neither the example nor its label changed,
but what the networks think of it.</p>
${gallery(marks.new.listed, pictures)}
${exampleDetails(`New ${noun}s`, marks.new)}${exampleDetails(`Gone ${noun}s`, marks.gone)}${exampleDetails(`${noun === 'PIE' ? 'PIEs' : 'Label issues'} still there`, marks.still)}`,
  }
}

function gallery(listed: readonly ChangedExample[], pictures: ReadonlyMap<string, string>): Content {
  const shown = listed.filter(({ id }) => pictures.has(id)).slice(0, shownCards)
  if (shown.length === 0) return undefined
  const cards = shown.map(({ id, labels, suggested, quality }) => ({
    id,
    given: labels[1] ?? '–',
    suggested: suggested ?? '–',
    quality: quality ?? Number.NaN,
    picture: pictures.get(id)!,
    badge: reasonOf(labels),
  }))
  return suspectCards(cards, 'New label issues, most suspicious first')
}

function reasonOf([before, now]: ChangedExample['labels']): Content {
  if (before === null) return html`<span class="badge pie">added</span>`
  return before !== now && html`<span class="badge issue">was <bdi>${before}</bdi></span>`
}

function levelSection(difference: Difference): Section | undefined {
  const { levels, audited, noise } = difference
  if (levels.length === 0 && noise === undefined) return undefined
  const caution = accuracyCaution(difference)
  return {
    id: 'accuracy',
    title: 'Accuracy and label noise',
    body: html`${caution && html`<p class="warning">${caution}</p>`}<div class="charts">
${levels.length > 0 && accuracyChart(levels, audited!)}
${noise && noiseChart(noise)}</div>
${
  levels.length > 0 &&
  table<LevelChange>(
    `Accuracy on the ${audited} split`,
    [
      { head: 'Level', value: ({ level }) => name(level) },
      { head: 'Earlier', numeric: true, value: ({ a }) => meanPercent(a.mean, a.sd) },
      { head: 'Later', numeric: true, value: ({ b }) => meanPercent(b.mean, b.sd) },
      { head: 'Points', numeric: true, value: change => points(change.difference) },
      {
        head: '95 % interval',
        numeric: true,
        value: ({ low, high }) => (Number.isNaN(low) ? '–' : `${points(low)} to ${points(high)}`),
      },
      { head: 'p (Welch)', numeric: true, value: ({ p }) => fraction(p) },
    ],
    levels,
  )
}
`,
  }
}

/** Both sides of each row on one line. */
function dumbbells<Row>(
  rows: readonly Row[],
  of: { label: (row: Row) => string; a: (row: Row) => number; b: (row: Row) => number },
  axis: string,
): Plot.PlotOptions {
  const { margin, shown } = axisLabels(rows.map(of.label), 130)
  const places = rows.map((_, place) => place)
  const y = (_: Row, place: number) => place
  return {
    width: width.half,
    height: 60 + 22 * rows.length,
    marginLeft: margin,
    marginTop: 8,
    marginBottom: 42,
    x: { label: axis, grid: true, ticks: 5, nice: true },
    y: {
      type: 'point',
      domain: places,
      label: null,
      tickSize: 0,
      padding: 0.6,
      tickFormat: (place: number) => shown(of.label(rows[place]!)),
    },
    marks: [
      Plot.ruleY(rows, { y, x1: of.a, x2: of.b, stroke: colour.muted, strokeWidth: 1.5 }),
      Plot.dot(rows, { y, x: of.a, r: 4, stroke: colour.muted, fill: 'var(--surface)' }),
      Plot.dot(rows, { y, x: of.b, r: 4, fill: colour.first }),
    ],
  }
}

function accuracyChart(levels: readonly LevelChange[], audited: string): Html {
  const options = dumbbells(
    levels,
    { label: ({ level }) => level, a: ({ a }) => a.mean * 100, b: ({ b }) => b.mean * 100 },
    'Accuracy, %',
  )
  return chart(options, {
    kind: 'accuracy-change',
    title: 'Accuracy by level',
    summary: `Mean over members on the ${audited} split, earlier and later.`,
    legend: sides,
  })
}

function noiseChart({ a, b }: NonNullable<Difference['noise']>): Html {
  const rows = [
    { run: 'earlier run', ...a },
    { run: 'later run', ...b },
  ]
  const of = (value: 'share' | 'low' | 'high') => (row: (typeof rows)[number]) => row[value] * 100
  return chart(
    {
      width: width.half,
      height: 150,
      marginLeft: 90,
      marginTop: 8,
      marginBottom: 42,
      x: { label: 'Labels estimated to be wrong, %', zero: true, nice: true, grid: true, ticks: 5 },
      y: { type: 'point', domain: rows.map(({ run }) => run), label: null, tickSize: 0, padding: 0.6 },
      marks: [
        Plot.ruleY(rows, { y: 'run', x1: of('low'), x2: of('high'), stroke: colour.first, strokeWidth: 2 }),
        Plot.dot(rows, { y: 'run', x: of('share'), r: 5, fill: colour.first }),
      ],
    },
    {
      kind: 'noise-change',
      title: 'Label noise',
      summary: `Estimated share of wrong labels with its 95 % interval for chance alone: ${percent(a.share)} (${percent(a.low)} to ${percent(a.high)}), then ${percent(b.share)} (${percent(b.low)} to ${percent(b.high)}).`,
    },
  )
}

function classSection(difference: Difference): Section {
  const { classes, stability } = difference.classes
  const total = (value: (counts: ClassCounts) => number) =>
    Math.max(
      1,
      classes.reduce((sum, counts) => sum + value(counts), 0),
    )
  const [allA, allB] = [total(({ a }) => a), total(({ b }) => b)]
  const moved = ({ a, b }: ClassCounts) => b / allB - a / allA
  const most = classes.toSorted((p, q) => Math.abs(moved(q)) - Math.abs(moved(p)))
  const options = dumbbells(
    most.slice(0, drawnClasses),
    { label: counts => counts.name, a: ({ a }) => (a / allA) * 100, b: ({ b }) => (b / allB) * 100 },
    'Share of the examples, %',
  )
  return {
    id: 'balance',
    title: 'Class balance',
    body: html`<p class="about">${balanceSentence(difference)} By custom an index under 0.1 is little and over 0.25 is
much.</p>
<div class="charts">${chart(options, {
      kind: 'class-balance',
      title: 'Class shares',
      summary: `Share of the examples in each class, earlier and later, most moved first${
        classes.length > drawnClasses ? `: ${drawnClasses} of ${count(classes.length)} classes` : ''
      }. Population stability index ${fraction(stability)}.`,
      legend: sides,
      table: table(
        'Examples by class, most moved first',
        [
          { head: 'Class', value: counts => name(counts.name) },
          { head: 'Earlier', numeric: true, value: ({ a }) => count(a) },
          { head: 'Later', numeric: true, value: ({ b }) => count(b) },
          { head: 'New', numeric: true, value: ({ fresh }) => count(fresh) },
          { head: 'Points', numeric: true, value: counts => points(moved(counts)) },
        ],
        most.slice(0, tableRows),
        rest(most.length, Math.min(tableRows, most.length), 'classes'),
      ),
    })}</div>
`,
  }
}

function imageSection(difference: Difference): Section | undefined {
  const { images } = difference
  if (images === undefined) return undefined
  return {
    id: 'pictures',
    title: 'Picture statistics',
    body: html`<p class="about">${imagesSentence(difference)} Tested are the examples that are new or of other content
against all of the earlier run (Kolmogorov–Smirnov, adjusted by Benjamini–Hochberg, q &lt; ${driftAlpha}); the statistic is
the largest distance between both distributions, 0 to 1.</p>
${table<StatisticDrift>(
  'Picture statistics',
  [
    { head: 'Statistic', value: ({ statisticName }) => statisticName },
    { head: 'Median, earlier', numeric: true, value: ({ a }) => measured(a) },
    { head: 'Later', numeric: true, value: ({ b }) => measured(b) },
    { head: 'New ones', numeric: true, value: ({ fresh }) => measured(fresh) },
    { head: 'Distance', numeric: true, value: ({ statistic }) => fraction(statistic) },
    { head: 'q', numeric: true, value: ({ q }) => fraction(q) },
    { head: 'Drift', value: ({ q }) => (q < driftAlpha ? 'yes' : 'no') },
  ],
  images,
)}`,
  }
}

const measured = (value: number): string => (Number.isNaN(value) ? '–' : String(Number(value.toPrecision(3))))

function settingSection({ settings, versions }: Difference): Section {
  const rows = [...settings, ...versions.map(({ key, ...both }) => ({ key: `version of ${key}`, ...both }))]
  return {
    id: 'settings',
    title: 'Settings',
    body:
      rows.length === 0
        ? html`<p class="about">The same settings and versions.</p>`
        : table(
            'Settings that differ',
            [
              { head: 'Setting', value: ({ key }) => html`<code>${key}</code>` },
              { head: 'Earlier', value: row => settingText(row.a) },
              { head: 'Later', value: row => settingText(row.b) },
            ],
            rows,
          ),
  }
}
