/** Runs the small stages: `small-run.ts <pipeline file> <out> <milliseconds a member>`; prints every event. */
import { loadPipeline } from '../../src/pipeline/load.js'
import { runPipeline } from '../../src/pipeline/runner.js'
import { fingerprint, smallStages } from './small-stages.js'

const [file, out, pause] = process.argv.slice(2)
await runPipeline(await loadPipeline(file), {
  stages: smallStages({ pause: Number(pause) }),
  fingerprint,
  out,
  observe: event => console.log(JSON.stringify(event)),
})
