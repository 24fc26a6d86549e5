/**
 * A run's tables as a Hugging Face data set: a configuration a table, with pictures and class names. Format of the
 * card: huggingface.co/docs/hub/datasets-manual-configuration and `datasets.Features`.
 */
import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { DataType, type Field, type Schema } from 'apache-arrow'
import { stringify } from 'yaml'
import type { DatasetInfo } from '../dataset/info.js'
import { openFile, writeText } from '../pipeline/files.js'
import { linkFile } from '../pipeline/link.js'
import { describeParquet } from '../tables/parquet.js'

/** Columns of class indexes; the known truth may be −1, which no class label is. */
const isClassIndex = (name: string): boolean =>
  /^(label|suggested_label|predicted|first_label|second_label|neighbor_label|likely_label|class|modal_.+)$/.test(
    name,
  )

/** Tables of the source's own columns, which have a card of their own in their metadata, if any. */
const isSplit = (file: string): boolean => file.startsWith(`splits${sep}`)

/** @returns the number of tables */
export async function exportHuggingFace(
  run: string,
  { classNames }: DatasetInfo,
  folder: string,
): Promise<number> {
  const entries = await readdir(run, { recursive: true })
  const files = entries.filter(file => file.endsWith('.parquet')).sort()
  const configs: unknown[] = []
  const infos: unknown[] = []
  for (const file of files) {
    const name = file.slice(0, -'.parquet'.length).split(sep).join('_')
    const path = `data/${name}.parquet`
    const { schema, rows } = await describeParquet(await openFile(join(run, file)))
    // What has no rows, `datasets` does not load.
    if (rows === 0) continue
    await linkFile(join(run, file), join(folder, path))
    configs.push({
      config_name: name,
      data_files: [{ split: 'train', path }],
      ...(name === 'scores' && { default: true }),
    })
    if (!isSplit(file)) infos.push({ config_name: name, features: featuresOf(schema, classNames) })
  }
  const head = stringify({ configs, dataset_info: infos }, { lineWidth: 0 })
  const list = configs.map(config => `- \`${(config as { config_name: string }).config_name}\``)
  const text = `---\n${head}---\n\nTables of a pieline run: \`load_dataset(<this folder>, <table>, split="train")\`.\n\n${list.join('\n')}\n`
  await writeText(join(folder, 'README.md'), text)
  return configs.length
}

function featuresOf({ fields }: Schema, classNames: readonly string[]): unknown[] {
  return fields.map(field =>
    isClassIndex(field.name) && DataType.isInt(field.type)
      ? {
          name: field.name,
          dtype: {
            class_label: { names: Object.fromEntries(classNames.map((name, at) => [String(at), name])) },
          },
        }
      : { name: field.name, ...featureOf(field) },
  )
}

function featureOf({ name, type }: Field): Record<string, unknown> {
  if (name === 'image') return { dtype: 'image' }
  if (DataType.isFixedSizeList(type)) return { sequence: dtypeOf(type.valueType), length: type.listSize }
  if (DataType.isList(type)) return { sequence: dtypeOf(type.valueType) }
  return { dtype: dtypeOf(type) }
}

function dtypeOf(type: DataType): string {
  if (DataType.isUtf8(type)) return 'string'
  if (DataType.isBool(type)) return 'bool'
  return String(type).toLowerCase()
}
