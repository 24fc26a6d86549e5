/** Another reviewer: `decision-writer.ts <file> <reviewer> <decisions>`, one write a decision. */
import { openDecisionLog } from '../../src/review/decision-log.js'

const [path, reviewer, count] = process.argv.slice(2)
const log = await openDecisionLog(path!)
for (let i = 0; i < Number(count); i++) {
  const note = 'x'.repeat(1 + ((i * 37) % 1500))
  await log.decide([{ example_id: `${reviewer}-${i}`, given: 'cat', action: 'keep', note }], reviewer!)
}
await log.close()
