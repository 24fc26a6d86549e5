/** A worker in a process of its own, so that a test can kill it: worker.ts <redis> <store> */
import { parseAddress } from '../../src/cluster/address.js'
import { work } from '../../src/cluster/worker.js'
import { openStore } from '../../src/pipeline/store.js'

const [redis, store] = process.argv.slice(2) as [string, string]
await work(parseAddress(redis, true), {
  store: await openStore(store),
  workers: 2,
  signal: new AbortController().signal,
  log: (_, event, { kind, title } = {}) => console.log([kind, title, event].filter(Boolean).join(' ')),
  lostAfter: 1500,
})
