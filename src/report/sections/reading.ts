/** What the words mean, and where to go from here. */

import { type Html, html } from '../../pages/html.js'
import type { ReportData } from '../data.js'
import type { Section } from './section.js'

export function reading({ population, splits }: ReportData): Section {
  const words: [string, Html][] = [
    [
      'Level, population, member',
      html`A level is one compression setting; its population is ${population.seeds} networks that differ by their seed; each of them is a member.`,
    ],
    [
      'Modal label',
      html`The class that most members of a level predict for an example. A tie goes to the class with the higher mean probability.`,
    ],
    [
      'PIE',
      html`Pruning identified exemplar: the modal label of the compressed level is not that of the dense one (Hooker et al., arXiv 1911.05248). PIEs over-index on mislabeled, ambiguous, corrupted and atypical examples, but a PIE need not be mislabeled.`,
    ],
    ['Suspect', html`An example that is a label issue, a PIE at some level, or both.`],
    [
      'Disagreement',
      html`Total variation distance between the votes of the dense population and of a level, 0 to 1, mean over levels.`,
    ],
    [
      'Label quality',
      html`How well the given label fits the averaged evidence of all levels, from 0 (surely wrong) to 1. Low is suspicious.`,
    ],
    ['Suggested label', html`The class with the highest probability in the mean over the ensemble.`],
  ]
  const files: [string, string][] = [
    [
      'pies.parquet, pies.arrow',
      'every label issue and PIE with its image or features, for whoever relabels',
    ],
    ['scores.parquet', 'the same columns for every example'],
    ['splits/', 'the data set without PIEs, without label issues, with suggestions taken, and PIEs alone'],
    ['levels.parquet, classes.parquet', 'the figures of this page by level and by class'],
  ]
  return {
    id: 'reading',
    title: 'How to read this',
    body: html`<dl class="words">
${words.map(([word, meaning]) => html`<dt>${word}</dt><dd>${meaning}</dd>\n`)}</dl>
<h3>Beside this page, in the run’s folder</h3>
<dl class="words">
${files.map(([file, content]) => html`<dt><code>${file}</code></dt><dd>${content}</dd>\n`)}</dl>
${splits.length === 1 && html`<p class="note">There is no test set: accuracies come from the ${splits[0]!.split} split.</p>`}
`,
  }
}
