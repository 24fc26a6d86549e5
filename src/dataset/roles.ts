/** Which column of the source is the label, the image, a feature, an id, a subgroup. */
import { ConfigError, DataError } from '../errors.js'
import { didYouMean } from '../nearest.js'
import type { DatasetConfig } from '../pipeline/config.js'
import type { Roles, SourceColumn, SourceDescription } from './source.js'

/**
 * The roles of the columns of the training data. An image column wins over features where neither is named;
 * features are all numeric columns and lists of numbers that have no other role, in the order of the file.
 * @throws DataError if a named column is not there or cannot play its part, or nothing is left to learn from
 * @throws ConfigError if the label is to be learnt from, or both an image and features are named
 */
export function resolveRoles(config: DatasetConfig, description: SourceDescription): Roles {
  const find = finder(description)
  const label = find(description.format === 'folder' ? 'label' : config.label, 'dataset.label')
  const id = config.id === undefined ? {} : { id: find(config.id, 'dataset.id').name }
  const trueLabel =
    config.trueLabel === undefined ? {} : { trueLabel: find(config.trueLabel, 'dataset.trueLabel').name }
  const text = (config.text ?? []).map(name => textColumn(find(name, 'dataset.text'), description))
  const groups = [...config.groups.map(name => find(name, 'dataset.groups').name), ...text]
  const taken = new Set([label.name, ...Object.values(id), ...Object.values(trueLabel), ...groups])
  const content = resolveContent(config, description, taken)
  return { label: label.name, content, ...id, ...trueLabel, groups }
}

/**
 * The same roles in the test data, which may lack the true label.
 * @throws DataError if another column is not there
 */
export function rolesInTest(roles: Roles, config: DatasetConfig, description: SourceDescription): Roles {
  const find = finder(description)
  const { trueLabel, ...others } = roles
  find(roles.label, 'dataset.label')
  for (const name of roles.content.kind === 'image' ? [roles.content.column] : roles.content.columns) {
    find(name, roles.content.kind === 'image' ? 'dataset.image' : 'dataset.features')
  }
  if (roles.id !== undefined) find(roles.id, 'dataset.id')
  for (const name of roles.groups)
    find(name, config.groups.includes(name) ? 'dataset.groups' : 'dataset.text')
  const hasTruth = description.columns.some(column => column.name === trueLabel)
  return hasTruth ? roles : others
}

function finder(description: SourceDescription): (name: string, key: string) => SourceColumn {
  const names = description.columns.map(column => column.name)
  return (name, key) => {
    const column = description.columns.find(column => column.name === name)
    if (column !== undefined) return column
    throw new DataError(`there is no column "${name}"`, {
      file: description.files[0].path,
      key,
      mend: `${didYouMean(name, names)}The columns are ${names.join(', ')}.`,
    })
  }
}

function textColumn({ name, kind }: SourceColumn, { files }: SourceDescription): string {
  if (kind !== 'image' && kind !== 'vector') return name
  throw new DataError(`the column "${name}" holds ${kind === 'image' ? 'images' : 'lists of numbers'}`, {
    file: files[0].path,
    key: 'dataset.text',
    mend: 'Name columns of text there, or of single numbers.',
  })
}

function resolveContent(
  config: DatasetConfig,
  description: SourceDescription,
  taken: ReadonlySet<string>,
): Roles['content'] {
  const find = finder(description)
  const file = description.files[0].path
  const free = description.columns.filter(column => !taken.has(column.name))
  if (config.image !== undefined && config.features === undefined) {
    const column = find(config.image, 'dataset.image')
    // The text of a CSV column may be paths even where their endings do not say so.
    if (column.kind === 'image' || (description.format === 'csv' && column.kind === 'text')) {
      return { kind: 'image', column: column.name }
    }
    throw new DataError(`the column "${column.name}" holds no images`, {
      file,
      key: 'dataset.image',
      mend: 'Images are a struct of bytes and path, binary, or paths of image files in a CSV.',
    })
  }
  if (config.features !== undefined) {
    if (config.image !== undefined) {
      throw new ConfigError('both an image column and features are named', {
        key: 'dataset.features',
        mend: 'Leave one of them out.',
      })
    }
    for (const name of config.features) {
      const column = find(name, 'dataset.features')
      if (name === config.label || name === config.trueLabel) {
        throw new ConfigError(`the column "${name}" is what networks are to predict, not to learn from`, {
          key: 'dataset.features',
          mend: 'Take it out of the features.',
        })
      }
      if (column.kind === 'number' || column.kind === 'vector') continue
      throw new DataError(`the column "${name}" is not numeric`, { file, key: 'dataset.features' })
    }
    return { kind: 'features', columns: config.features }
  }
  const images = free.filter(column => column.kind === 'image')
  if (images.length > 1) {
    throw new DataError(`several columns hold images: ${images.map(column => column.name).join(', ')}`, {
      file,
      key: 'dataset.image',
      mend: 'Set `dataset.image` to one of them.',
    })
  }
  if (images.length === 1) return { kind: 'image', column: images[0].name }
  const features = free.filter(({ kind, name }) => (kind === 'number' || kind === 'vector') && !isIndex(name))
  if (features.length === 0) {
    const hasTexts = description.columns.some(({ kind, name }) => kind === 'text' && name !== config.label)
    throw new DataError('there is neither an image column nor a numeric one to learn from', {
      file,
      mend: `The columns are ${description.columns.map(({ name, kind }) => `${name} (${kind})`).join(', ')}.${hasTexts ? '\n  Texts need embeddings beside them: docs/not-only-images.md.' : ''}`,
    })
  }
  return { kind: 'features', columns: features.map(column => column.name) }
}

/** Row numbers that pandas leaves in the files it writes. */
const isIndex = (name: string): boolean => /^__index_level_\d+__$|^Unnamed: 0$/.test(name) || name === ''
