/** Content-addressed artefacts: folders named by the key of what made them, complete or absent, never half. */

export interface Artefact {
  readonly key: string
  /** Absolute path of the artefact's folder; its files are read-only. */
  readonly folder: string
  /** Whether it was there already. */
  readonly reused: boolean
}

export interface ArtefactStore {
  /**
   * The artefact of this key, made by `produce` in an empty temporary folder if it is not there yet, and then
   * moved into place at once (files and folder synced first). Two processes that make the same one both succeed.
   */
  produce(key: string, make: (folder: string) => Promise<void>): Promise<Artefact>
  /** The artefact if it is there. */
  find(key: string): Promise<Artefact | undefined>
}
