/** What a run knows of a cluster: a store whose parts other machines make. */
import type { StageName } from './stage.js'
import type { ArtefactStore, DiskArtefactStore } from './store.js'

export interface Cluster {
  /** `store` as a stage sees it, with the cluster behind it. */
  storeOf(stage: StageName, store: ArtefactStore): ArtefactStore
  close(): Promise<void>
}

export interface ClusterOptions {
  /** Folder of the store on disk that the workers share. */
  readonly store: DiskArtefactStore['folder']
  /** Ends all waiting, with its reason. */
  readonly signal: AbortSignal
  readonly log: (message: string) => void
}

export type ConnectCluster = (options: ClusterOptions) => Promise<Cluster>
