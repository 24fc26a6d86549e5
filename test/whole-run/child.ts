/** Runs the small pipeline in a process of its own and prints its events, so that a test can kill it. */
import { runSmall } from './pipeline.js'

await runSmall(process.argv[2]!, {
  workers: 2,
  observe: event => void process.stdout.write(`${JSON.stringify(event)}\n`),
})
