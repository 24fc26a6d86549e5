/** The formats there are. */
import type { DatasetConfig } from '../pipeline/config.js'
import { arrowReader } from './arrow.js'
import { celebaReader } from './celeba.js'
import { cifarReader } from './cifar.js'
import { cocoReader } from './coco.js'
import { csvReader } from './csv.js'
import { folderReader } from './folder.js'
import { idxReader } from './idx.js'
import { imageFolderReader } from './image-folder-metadata.js'
import { labelStudioReader } from './label-studio.js'
import { locate } from './locate.js'
import { npyReader } from './npy.js'
import { parquetReader } from './parquet.js'
import type { Format, Part, Reader, ReaderOptions, SourceFile } from './source.js'

const readers: Readonly<Record<Format, (files: readonly SourceFile[], options: ReaderOptions) => Reader>> = {
  parquet: parquetReader,
  arrow: arrowReader,
  csv: csvReader,
  folder: folderReader,
  cifar: cifarReader,
  idx: idxReader,
  npy: npyReader,
  celeba: celebaReader,
  coco: cocoReader,
  'label-studio': labelStudioReader,
  imagefolder: imageFolderReader,
}

/**
 * The reader of the training data, or of the test data.
 * @throws ConfigError if nothing is at the path, or its format cannot be told
 */
export async function openReader(config: DatasetConfig, part: Part): Promise<Reader> {
  const { format, files } = await locate(config, part)
  return readers[format](files, { part, allowOutside: config.allowOutside ?? false })
}
