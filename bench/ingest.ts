/**
 * Images a second from a Parquet file to decoded pixels: the ingest stage beside Python's ways to do it.
 *
 *     npx tsx bench/ingest.ts [--photos 2000] [--rounds 3]
 *
 * Two data sets: the glyphs (10,000 grey PNGs of 28×28) and generated photos (JPEGs of 256×256, brought to 64×64).
 * The peers read the file, decode, resize and hold all pixels in memory; ingest also checks every header and label,
 * hashes the images, deals folds, and writes examples.parquet and inputs.npy. Both sides take turns; the best of the
 * rounds counts.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Field, Int32, type RecordBatch, Schema } from 'apache-arrow'
import Table from 'cli-table3'
import sharp from 'sharp'
import { pipelineSchema } from '../src/pipeline/config.js'
import { writeTable } from '../src/pipeline/files.js'
import { silentProgress } from '../src/pipeline/progress.js'
import { randomStream } from '../src/random.js'
import { ingest } from '../src/stages/ingest.js'
import { recordBatch } from '../src/tables/columns.js'
import { imageType } from '../src/tables/schemas.js'
import { type Cost, costOf, measureApart } from './apart.js'
import { PeerProcess, peersPython } from './peers/python.js'

const { values: flags } = parseArgs({
  options: {
    photos: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
    /** A data set as JSON: this process ingests it and tells what that cost. */
    measure: { type: 'string' },
  },
})
const photos = Number(flags.photos)
const rounds = Number(flags.rounds)
const cores = availableParallelism()

interface DataSet {
  readonly name: string
  readonly path: string
  /** Side of the decoded images. */
  readonly side: number
  readonly channels: 1 | 3
}

/** Photo-like JPEGs: smooth colours with fine grain, the same at every run. */
async function writePhotos(path: string): Promise<void> {
  const [side, coarse] = [256, 8]
  const schema = new Schema([new Field('image', imageType, true), new Field('label', new Int32(), false)])
  async function photo(index: number): Promise<{ bytes: Uint8Array; path: string }> {
    const random = randomStream('photo', index)
    const colours = Uint8Array.from({ length: coarse * coarse * 3 }, () => random.integer(256))
    const raw = { width: coarse, height: coarse, channels: 3 } as const
    const smooth = await sharp(colours, { raw }).resize(side, side, { kernel: 'cubic' }).raw().toBuffer()
    for (let i = 0; i < smooth.length; i++) smooth[i] = Math.min(255, smooth[i] + random.integer(24))
    const picture = sharp(smooth, { raw: { width: side, height: side, channels: 3 } })
    return { bytes: await picture.jpeg({ quality: 85 }).toBuffer(), path: `${index}.jpg` }
  }
  async function* batches(): AsyncGenerator<RecordBatch> {
    const size = 100
    for (let begin = 0; begin < photos; begin += size) {
      const rows = Array.from({ length: Math.min(size, photos - begin) }, (_, i) => begin + i)
      yield recordBatch(schema, {
        image: await Promise.all(rows.map(photo)),
        label: Int32Array.from(rows, row => row % 10),
      })
    }
  }
  await writeTable(path, schema, batches())
}

/** Runs the stage as a run does. @returns the images that came through */
async function runIngest({ path, side, channels }: DataSet, output: string): Promise<number> {
  const pipeline = pipelineSchema.parse({ name: 'bench', dataset: { path, size: side, channels } })
  const headline = await ingest.run({
    pipeline,
    output,
    input: () => {
      throw new Error('ingest is the first stage')
    },
    store: {
      produce: () => Promise.reject(new Error('ingest keeps no parts')),
      find: () => Promise.resolve(undefined),
    },
    inputKeys: {},
    workers: cores,
    progress: silentProgress,
    signal: new AbortController().signal,
  })
  return Number(headline.trainExamples)
}

interface Ingested extends Cost {
  readonly images: number
}

async function measure(dataset: DataSet): Promise<Ingested> {
  const output = await mkdtemp(join(tmpdir(), 'pieline-bench-'))
  try {
    let images = 0
    const cost = await costOf(async () => {
      images = await runIngest(dataset, output)
    })
    return { ...cost, images }
  } finally {
    await rm(output, { recursive: true })
  }
}

/** A peer's way, and how many processes it takes. */
interface Way {
  readonly name: string
  readonly way: 'pil' | 'torchvision' | 'datasets'
  readonly processes: number
}

const ways: readonly Way[] = [1, cores].flatMap((processes): Way[] => {
  const suffix = processes > 1 ? `, ${processes} processes` : ''
  return [
    { name: `PIL in a loop${suffix}`, way: 'pil', processes },
    { name: `torchvision in a loop${suffix}`, way: 'torchvision', processes },
    { name: `Hugging Face datasets map${suffix}`, way: 'datasets', processes },
  ]
})

async function compare(dataset: DataSet, peer: PeerProcess | null): Promise<(string | number)[][]> {
  let ours: Ingested | undefined
  const best = new Map<Way, number>()
  for (let round = 0; round < rounds; round++) {
    const own = await measureApart<Ingested>(import.meta.url, ['--measure', JSON.stringify(dataset)])
    if (ours === undefined || own.seconds < ours.seconds) ours = own
    for (const way of peer ? ways : []) {
      const { seconds, images } = await peer!.ask<{ seconds: number; images: number }>({ ...dataset, ...way })
      if (images !== own.images) throw new Error(`${way.name} came to ${images} images, not ${own.images}`)
      best.set(way, Math.min(best.get(way) ?? Number.POSITIVE_INFINITY, seconds))
    }
  }
  const { images, seconds, peakBytes } = ours!
  const rate = (took: number) => Math.round(images / took).toLocaleString('en')
  return [
    [dataset.name, 'pieline ingest', rate(seconds), Math.round(peakBytes / 2 ** 20), ''],
    ...[...best].map(([{ name }, took]) => ['', name, rate(took), '', (took / seconds).toFixed(2)]),
  ]
}

async function main(): Promise<void> {
  if (flags.measure !== undefined) {
    process.stdout.write(JSON.stringify(await measure(JSON.parse(flags.measure) as DataSet)))
    return
  }
  const folder = await mkdtemp(join(tmpdir(), 'pieline-bench-'))
  const python = peersPython()
  const peer = python === null ? null : new PeerProcess(python, './ingest_images.py', 1)
  try {
    const versions = (await peer?.read<{ version: string }>())?.version ?? 'peers not installed'
    const photosPath = join(folder, 'photos.parquet')
    await writePhotos(photosPath)
    const glyphs = fileURLToPath(new URL('../data/glyphs/train.parquet', import.meta.url))
    const table = new Table({
      head: ['data', 'by', 'images / s', 'peak memory, MB', 'ratio'],
      style: { head: [], border: [] },
    })
    table.push(
      ...(await compare({ name: 'glyphs, PNG 28×28', path: glyphs, side: 28, channels: 1 }, peer)),
      ...(await compare(
        { name: 'photos, JPEG 256×256 → 64×64', path: photosPath, side: 64, channels: 3 },
        peer,
      )),
    )
    console.log(
      `Ingest, best of ${rounds} rounds, ${cores} × ${cpus()[0]?.model}, Node ${process.versions.node}, sharp ${sharp.versions.sharp}; ${versions}`,
    )
    console.log(table.toString())
    console.log('Ratios above 1: pieline is faster.')
  } finally {
    peer?.close()
    await rm(folder, { recursive: true })
  }
}

await main()
