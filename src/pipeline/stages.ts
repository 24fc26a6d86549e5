/** The stages, in the order in which they run. Adding one is adding a file and a line. */
import { backbone } from '../stages/backbone.js'
import { compress } from '../stages/compress.js'
import { exportTables } from '../stages/export.js'
import { ingest } from '../stages/ingest.js'
import { inspect } from '../stages/inspect.js'
import { models } from '../stages/models.js'
import { predict } from '../stages/predict.js'
import { preview } from '../stages/preview.js'
import { report } from '../stages/report.js'
import { retrain } from '../stages/retrain.js'
import { robustness } from '../stages/robustness.js'
import { score } from '../stages/score.js'
import { train } from '../stages/train.js'
import type { Stage } from './stage.js'

export const stages: readonly Stage[] = [
  ingest,
  models,
  backbone,
  train,
  preview,
  compress,
  predict,
  inspect,
  score,
  robustness,
  exportTables,
  retrain,
  report,
]
