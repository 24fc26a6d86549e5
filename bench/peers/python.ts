/** The Python with which peers are measured: PIELINE_PEERS_PYTHON, else the environment that `setup` makes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Path of the interpreter, or null where there is none. */
export function peersPython(): string | null {
  const path =
    process.env.PIELINE_PEERS_PYTHON ?? fileURLToPath(new URL('./venv/bin/python', import.meta.url))
  return existsSync(path) ? path : null
}

/** A script of this folder that answers each line of JSON with a line of JSON. */
export class PeerProcess {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #reader: Interface

  constructor(python: string, script: string, threads: number) {
    const path = fileURLToPath(new URL(script, import.meta.url))
    this.#child = spawn(python, [path], {
      stdio: ['pipe', 'pipe', 'inherit'],
      // Pools of threads are sized when libraries load, before any order comes.
      env: { ...process.env, OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) },
    })
    this.#reader = createInterface({ input: this.#child.stdout! })
    this.#lines = this.#reader[Symbol.asyncIterator]()
  }

  /** The next line the script writes. @throws if it has ended. */
  async read<Answer>(): Promise<Answer> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`the peer ended with code ${this.#child.exitCode}`)
    return JSON.parse(value) as Answer
  }

  ask<Answer>(order: object): Promise<Answer> {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`)
    return this.read<Answer>()
  }

  close(): void {
    this.#child.stdin!.end()
    this.#reader.close()
  }
}
