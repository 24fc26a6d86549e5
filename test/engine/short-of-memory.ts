/**
 * Predicts in a process that may take little more memory than it has when it is warm:
 * `node short-of-memory.ts <inputs> <logits> <bytes> <small model> <large model> <huge model>`; prints what is said.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createPredictionPool } from '../../src/engine/onnxruntime/prediction-pool.js'

const [inputs = '', logits = '', bytes = '', small = '', large = '', huge = ''] = process.argv.slice(2)
const pool = createPredictionPool(1, message => console.log(message))
await pool.predict({ model: small, inputs, logits })
const taken = Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024
execFileSync('prlimit', ['--pid', String(process.pid), `--as=${taken + Number(bytes)}`])
await pool.predict({ model: large, inputs, logits })
await pool.predict({ model: huge, inputs, logits: `${logits}.huge` }).catch(error => {
  console.log(`${error}\n${error.mend}`)
})
await pool.close()
