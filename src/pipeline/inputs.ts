/** What a stage finds of the stages before it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { RunError } from '../errors.js'
import type { Stage, StageName } from './stage.js'
import type { Artefact } from './store.js'

/** The folder of a stage's artefact that holds its files, by their paths in the run folder. */
export const filesFolder = 'files'

/** No stage before this one wrote the file. */
export class MissingInput extends RunError {}

/** Absolute path of a file that one of the stage's inputs wrote. Throws a {@link MissingInput}. */
export function inputFile(
  path: string,
  { name, inputs }: Stage,
  artefacts: ReadonlyMap<StageName, Artefact>,
): string {
  for (const input of inputs) {
    const artefact = artefacts.get(input)
    const file = artefact && join(artefact.folder, filesFolder, path)
    if (file !== undefined && existsSync(file)) return file
  }
  throw new MissingInput(`stage ${name} asks for a file that none of its inputs wrote`, { file: path })
}
