/** The report: one self-contained HTML page that needs no network and no server. */
import type { ReportData } from './data.js'
import { renderPage } from './page.js'
import { classImpact } from './sections/class-impact.js'
import { dataChecks } from './sections/data-checks.js'
import { headline } from './sections/headline.js'
import { labelQuality } from './sections/label-quality.js'
import { levels } from './sections/levels.js'
import { pieStability } from './sections/pie-stability.js'
import { reading } from './sections/reading.js'
import { retraining } from './sections/retraining.js'
import { robustness } from './sections/robustness.js'
import type { Section } from './sections/section.js'
import { suspects } from './sections/suspects.js'

export interface ReportOptions {
  /** JavaScript of the page, from `clientScript()`; the page has a content security policy that admits it alone. */
  readonly script: string
}

/**
 * The whole page. Same data, same bytes; every string of the data is escaped.
 */
export function renderReport(data: ReportData, { script }: ReportOptions): string {
  const sections = [
    suspects(data),
    labelQuality(data),
    dataChecks(data),
    levels(data),
    classImpact(data),
    pieStability(data),
    robustness(data),
    retraining(data),
    reading(data),
  ].filter((section): section is Section => section !== undefined)
  return renderPage({
    title: `${data.pipeline}: pieline report`,
    hero: headline(data),
    sections,
    origin: 'Made by pieline from the tables of this run.',
    script,
  })
}
