/** Content-addressed artefacts: folders named by the key of what made them, complete or absent, never half. */
import { createHash, randomUUID } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import {
  access,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { z } from 'zod'
import { RunError } from '../errors.js'
import { isAlive, thisProcess } from './owner.js'

export interface ArtefactFile {
  /** Path within the artefact's folder, with forward slashes. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

export interface Artefact {
  readonly key: string
  /** Absolute path of the artefact's folder; its files are read-only. */
  readonly folder: string
  /** In code-unit order of their paths. */
  readonly files: readonly ArtefactFile[]
  /** Whether it was there already. */
  readonly reused: boolean
}

/** How an artefact is made, told so that another machine can do it. */
export interface Work {
  readonly kind: 'train' | 'predict'
  /** Names it where people look, such as `dense 3`. */
  readonly title: string
  /** JSON values, typed arrays and paths of the store's files, by kind of work. */
  readonly task: object
  /** Hears how far it is, by kind of work. */
  readonly onReport?: (report: unknown) => void
}

export interface ArtefactStore {
  /**
   * The artefact of this key, made by `make` in an empty temporary folder if it is not there yet, and then
   * moved into place at once (files and folder synced first). Two processes that make the same one both succeed.
   * A store that has artefacts made elsewhere goes by `work`, which says the same as `make`.
   */
  produce(key: string, make: (folder: string) => Promise<void>, work?: Work): Promise<Artefact>
  /** The artefact if it is there and whole. */
  find(key: string): Promise<Artefact | undefined>
  /** How many artefacts it has made elsewhere at once; absent: none, all are made by `make`. */
  readonly elsewhere?: number
}

export interface StoredArtefact {
  readonly key: string
  /** When it came there, in milliseconds of the epoch. */
  readonly since: number
}

/** A store on disk, of which parts may go. */
export interface DiskArtefactStore extends ArtefactStore {
  readonly folder: string
  /** The artefacts that are there, damaged ones too. */
  list(): Promise<StoredArtefact[]>
  /**
   * Takes artefacts away: out of sight first, and then for good those that still turn out to be unneeded. With hard
   * links, files that runs show stay with them.
   * @returns the bytes that this freed: those of files that are nowhere else
   */
  remove(
    artefacts: readonly StoredArtefact[],
    unneeded: () => Promise<(artefact: StoredArtefact) => boolean>,
  ): Promise<number>
}

/** The folder within the folder of all runs that holds the artefacts. */
export const storeName = 'store'

export interface StoreOptions {
  /** Compare the hash of every file found, not only those that changed after they were stored. Default false. */
  readonly verify?: boolean
}

/** Lists an artefact's files; written last, so that its time tells which files changed after it. */
const inventoryName = 'artefact.json'

/** File times come from a clock of the kernel that ticks this seldom, in milliseconds, and lags behind `Date.now`. */
const clockTick = 20

const inventorySchema = z.object({
  key: z.string(),
  files: z.array(z.object({ path: z.string(), bytes: z.number(), sha256: z.string() })),
  /** Of key and files, by {@link inventoryHash}; absent in those of earlier versions. */
  sha256: z.string().optional(),
})

/** Tells backup programs that what lies here can be made again (bford.info/cachedir), and us that it is a store. */
const cacheTag = { name: 'CACHEDIR.TAG', text: 'Signature: 8a477f597d28d172789f06886806bc55\n' }

const temporaryName = /^\.(?:making|damaged)\.[^@]*\.(\d+)\.(\d+)\.[^.@]+@(.*)$/

/**
 * Opens the store in `folder`, which is made if it is absent, and removes what processes left there that died
 * while they were making something. Works on any file system with an atomic rename, between processes too.
 */
export async function openStore(folder: string, options: StoreOptions = {}): Promise<DiskArtefactStore> {
  const root = resolve(folder)
  await makeFolder(root)
  await writeFile(join(root, cacheTag.name), cacheTag.text)
  await removeLeftovers(root)
  return new DiskStore(root, options.verify ?? false)
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    // Node says so of a read-only file system too; asked for the right to write, it says what is the matter.
    let place = folder
    while (!existsSync(place) && place !== dirname(place)) place = dirname(place)
    await access(place, constants.W_OK)
    throw error
  }
}

/** Whether a folder is one that runs go to: it holds a store. */
export async function isFolderOfRuns(folder: string): Promise<boolean> {
  return stat(join(folder, storeName, cacheTag.name)).then(
    () => true,
    () => false,
  )
}

const keyName = /^[0-9a-f]{64}$/

class DiskStore implements DiskArtefactStore {
  readonly #root: string
  readonly #verify: boolean
  /** What this process is making, so that it makes nothing twice at once. */
  readonly #making = new Map<string, Promise<Artefact>>()

  constructor(root: string, verify: boolean) {
    this.#root = root
    this.#verify = verify
  }

  get folder(): string {
    return this.#root
  }

  async list(): Promise<StoredArtefact[]> {
    const keys = (await readdir(this.#root)).filter(name => keyName.test(name))
    const found = keys.map(async key => {
      const folder = await stat(this.#folder(key)).catch(() => undefined)
      return folder ? [{ key, since: folder.mtimeMs }] : []
    })
    return (await Promise.all(found)).flat()
  }

  async find(key: string): Promise<Artefact | undefined> {
    const folder = this.#folder(key)
    const files = await wholeFiles(folder, key, this.#verify)
    return files && { key, folder, files, reused: true }
  }

  produce(key: string, make: (folder: string) => Promise<void>): Promise<Artefact> {
    const underWay = this.#making.get(key)
    if (underWay) return underWay.then(artefact => ({ ...artefact, reused: true }))
    const made = this.#produce(key, make).finally(() => this.#making.delete(key))
    this.#making.set(key, made)
    return made
  }

  async #produce(key: string, make: (folder: string) => Promise<void>): Promise<Artefact> {
    const found = await this.find(key)
    if (found) return found
    const temporary = this.#temporary('making', key)
    await mkdir(temporary)
    try {
      await make(temporary)
      const files = await seal(temporary, key)
      return await this.#place(key, temporary, files)
    } catch (error) {
      await rm(temporary, { recursive: true, force: true })
      throw error
    }
  }

  async #place(key: string, temporary: string, files: readonly ArtefactFile[]): Promise<Artefact> {
    const folder = this.#folder(key)
    // Each turn that fails means that another process placed or removed the same artefact in between.
    for (let turn = 0; turn < 100; turn++) {
      try {
        await rename(temporary, folder)
        await syncFolder(this.#root)
        return { key, folder, files, reused: false }
      } catch (error) {
        if (!isOccupied(error)) throw error
      }
      const placed = await this.find(key)
      if (placed) {
        await rm(temporary, { recursive: true, force: true })
        return placed
      }
      await this.#remove(key)
    }
    throw new RunError('another process keeps replacing this artefact', { file: folder })
  }

  async remove(
    artefacts: readonly StoredArtefact[],
    unneeded: () => Promise<(artefact: StoredArtefact) => boolean>,
  ): Promise<number> {
    const asides: (StoredArtefact & { readonly path: string })[] = []
    for (const artefact of artefacts) {
      const path = this.#temporary('damaged', artefact.key)
      if (await move(this.#folder(artefact.key), path)) asides.push({ ...artefact, path })
    }
    const goes = await unneeded()
    let bytes = 0
    for (const aside of asides) {
      // Where it cannot go back, whoever needs it has made it anew.
      if (!goes(aside) && (await move(aside.path, this.#folder(aside.key)))) continue
      bytes += await lastBytes(aside.path)
      await rm(aside.path, { recursive: true, force: true })
    }
    return bytes
  }

  /** Moved aside first, so that nobody ever sees half of it. */
  async #remove(key: string): Promise<void> {
    const aside = this.#temporary('damaged', key)
    if (await move(this.#folder(key), aside)) await rm(aside, { recursive: true, force: true })
  }

  #folder(key: string): string {
    return join(this.#root, key)
  }

  #temporary(purpose: 'making' | 'damaged', key: string): string {
    const { pid, host } = thisProcess
    const name = `.${purpose}.${key.slice(0, 16)}.${pid}.${Date.now()}.${randomUUID()}@${host}`
    return join(this.#root, name)
  }
}

/** Windows answers EPERM where others say that the target is not empty. */
function isOccupied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOTEMPTY' || code === 'EEXIST' || (code === 'EPERM' && process.platform === 'win32')
}

/** Whether a folder could be renamed: it was there, and nothing was in its new place. */
async function move(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || isOccupied(error)) return false
    throw error
  }
}

/** Bytes of the files in a folder that have no other name. */
async function lastBytes(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const { size, nlink } = await stat(join(entry.parentPath, entry.name))
    if (nlink === 1) bytes += size
  }
  return bytes
}

async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const owner = temporaryName.exec(name)
    if (!owner) continue
    const [, pid, since, host] = owner
    if (isAlive({ host, pid: Number(pid) }, Number(since))) continue
    await rm(join(root, name), { recursive: true, force: true })
  }
}

/** Windows syncs only what is open for writing; elsewhere a file may be read-only already, being another artefact's too. */
const syncFlags = process.platform === 'win32' ? 'r+' : 'r'

/** The files in a folder, in code-unit order of their paths. */
export async function filesIn(folder: string): Promise<ArtefactFile[]> {
  const files: ArtefactFile[] = []
  for (const path of (await namesIn(folder)).paths) {
    const handle = await open(join(folder, path))
    try {
      files.push({ path, ...(await measure(handle)) })
    } finally {
      await handle.close()
    }
  }
  return files
}

/** Paths of the files within a folder, in code-unit order, and the folders, itself first. */
async function namesIn(folder: string): Promise<{ paths: string[]; folders: string[] }> {
  const paths: string[] = []
  const folders = [folder]
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) folders.push(path)
    else paths.push(path.slice(folder.length + 1).replaceAll(sep, '/'))
  }
  return { paths: paths.sort((a, b) => (a < b ? -1 : 1)), folders }
}

/** Syncs all files to disk, makes them read-only and writes the inventory. */
async function seal(folder: string, key: string): Promise<ArtefactFile[]> {
  const { paths, folders } = await namesIn(folder)
  if (paths.includes(inventoryName))
    throw new RunError(`"${inventoryName}" is a reserved name`, { file: folder })
  const files: ArtefactFile[] = []
  for (const path of paths) {
    const handle = await open(join(folder, path), syncFlags)
    try {
      files.push({ path, ...(await measure(handle)) })
      await handle.sync()
      await handle.chmod(0o444)
    } finally {
      await handle.close()
    }
  }
  const inventory = await open(join(folder, inventoryName), 'wx')
  try {
    await inventory.writeFile(
      `${JSON.stringify({ key, files, sha256: inventoryHash(key, files) }, null, 2)}\n`,
    )
    await inventory.sync()
  } finally {
    await inventory.close()
  }
  for (const path of folders) await syncFolder(path)
  return files
}

/** Damage may come to the inventory as well, which says what all else is held to. */
function inventoryHash(key: string, files: readonly ArtefactFile[]): string {
  return createHash('sha256').update(JSON.stringify({ key, files })).digest('hex')
}

async function measure(handle: FileHandle): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of handle.createReadStream({ autoClose: false, start: 0, highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer)
    bytes += (chunk as Buffer).length
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** Makes the names in a folder survive a power failure. */
async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folders, and its file systems journal names by themselves.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * The files of the artefact in `folder`, or undefined when it is absent or damaged: a file that is missing or has
 * another size, or one that may have changed after the inventory was written and has another hash.
 */
async function wholeFiles(folder: string, key: string, verify: boolean): Promise<ArtefactFile[] | undefined> {
  const inventoryPath = join(folder, inventoryName)
  let hashed = false
  try {
    const inventory = inventorySchema.parse(JSON.parse(await readFile(inventoryPath, 'utf8')))
    if (inventory.key !== key) return undefined
    const { sha256: own } = inventory
    if (own !== undefined && own !== inventoryHash(key, inventory.files)) return undefined
    const doubtful = verify || own === undefined
    const written = (await stat(inventoryPath)).mtimeMs
    for (const { path, bytes, sha256 } of inventory.files) {
      const file = join(folder, path)
      const { size, mtimeMs } = await stat(file)
      if (size !== bytes) return undefined
      if (!doubtful && mtimeMs < written - clockTick) continue
      if ((await hashOf(file)) !== sha256) return undefined
      hashed = true
    }
    // What was found whole need not be hashed again next time.
    if (hashed) await utimes(inventoryPath, new Date(), new Date())
    return inventory.files
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError) return undefined
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** SHA-256 of a file, in hexadecimal digits. */
export async function hashOf(file: string): Promise<string> {
  const handle = await open(file, 'r')
  try {
    return (await measure(handle)).sha256
  } finally {
    await handle.close()
  }
}
