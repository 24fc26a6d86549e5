/** The stages, in the order in which they run. Adding one is adding a file and a line. */
import { ingest } from '../stages/ingest.js'
import { predict } from '../stages/predict.js'
import { report } from '../stages/report.js'
import { score } from '../stages/score.js'
import type { Stage } from './stage.js'

export const stages: readonly Stage[] = [ingest, predict, score, report]
