/**
 * Typed errors. Each says what is wrong, where (file, row, key) and how to mend it, and carries the exit
 * code with which the command line ends: 1 a gate failed, 2 usage or configuration, 3 bad data, 4 run failed.
 */
import { printable } from './printable.js'

/** Where an error lies and what to do about it. */
export interface ErrorPlace {
  /** Path of the file at fault, as the user wrote it. */
  readonly file?: string
  /** Zero-based row of the table at fault. */
  readonly row?: number
  /** Column or configuration key at fault. */
  readonly key?: string
  /** What the user can do, as an imperative sentence. */
  readonly mend?: string
  readonly cause?: unknown
}

/** The base of every error that pieline throws on purpose. */
export abstract class PielineError extends Error {
  abstract readonly exitCode: number
  readonly file: string | undefined
  readonly row: number | undefined
  readonly key: string | undefined
  readonly mend: string | undefined

  constructor(message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause })
    this.name = new.target.name
    this.file = place.file
    this.row = place.row
    this.key = place.key
    this.mend = place.mend
  }

  /** The message as the terminal shows it: place, what is wrong, and the mend on a line of its own. */
  describe(): string {
    const place = [
      this.file,
      this.row === undefined ? undefined : `row ${this.row}`,
      this.key === undefined ? undefined : `key "${this.key}"`,
    ].filter(part => part !== undefined)
    const head = place.length > 0 ? `${place.join(', ')}: ${this.message}` : this.message
    return printable(this.mend === undefined ? head : `${head}\n  ${this.mend}`)
  }
}

/** A quality gate of the pipeline did not hold. */
export class GateError extends PielineError {
  readonly exitCode = 1
}

/** The command line or the pipeline file asks for something that cannot be done. */
export class ConfigError extends PielineError {
  readonly exitCode = 2
}

/** The data set is not what the pipeline says it is. */
export class DataError extends PielineError {
  readonly exitCode = 3
}

/** The run itself failed: a worker died, the disk is full, an artefact cannot be written. */
export class RunError extends PielineError {
  readonly exitCode = 4
}

/** Something outside that the run needs does not answer; later it may. */
export class UnavailableError extends RunError {}

/** Somebody asked the run to stop; what is finished is kept, and the same command goes on from there. */
export class StoppedError extends PielineError {
  /** What a shell reports for a process ended by the signal: 130 after Ctrl-C, 143 after SIGTERM. */
  readonly exitCode: number

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`stopped by ${signal}`, { mend: 'The same command goes on from here.' })
    this.exitCode = signal === 'SIGINT' ? 130 : 143
  }
}
