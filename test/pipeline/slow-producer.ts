/**
 * Makes one artefact, slowly: `slow-producer.ts <store> <key> <files> <milliseconds between two files>`. Prints a
 * line for each file, so that a test can kill it at a known moment.
 */
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openStore } from '../../src/pipeline/store.js'

const [folder, key, files, pause] = process.argv.slice(2)
const store = await openStore(folder)
const artefact = await store.produce(key, async temporary => {
  for (let file = 0; file < Number(files); file++) {
    for (let part = 0; part < 4; part++) await appendFile(join(temporary, `${file}.txt`), `part ${part}\n`)
    console.log(`file ${file}`)
    await wait(Number(pause))
  }
})
console.log(artefact.reused ? 'reused' : 'made')
