import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { columnsToRead, detectData, guessColumns } from '../../src/dataset/detect.js'
import type { ColumnKind } from '../../src/dataset/source.js'
import { ConfigError } from '../../src/errors.js'
import { openStore } from '../../src/pipeline/store.js'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pieline-detect-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function files(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), '')
  }
}

async function detected(path = ''): Promise<Record<string, string>> {
  const places = await detectData(join(root, path))
  return Object.fromEntries(
    Object.entries(places).map(([name, place]) => [name, place.slice(root.length + 1)]),
  )
}

describe('the data set in a folder is', () => {
  const cases: [string, string[], Record<string, string>][] = [
    ['its only table', ['data.csv', 'notes.txt'], { path: 'data.csv' }],
    [
      'its training and test tables',
      ['test.parquet', 'train.parquet'],
      { path: 'train.parquet', test: 'test.parquet' },
    ],
    [
      'its shards of each',
      ['train-0.parquet', 'train-1.parquet', 'test-0.parquet'],
      { path: 'train-*.parquet', test: 'test-0.parquet' },
    ],
    [
      'train beside validation',
      ['train.csv', 'validation.csv'],
      { path: 'train.csv', test: 'validation.csv' },
    ],
    ['a pair of arrays that tells no part', ['x.npy', 'y.npy'], { path: '' }],
    [
      'pairs of arrays of both parts',
      ['x_train.npy', 'y_train.npy', 'x_test.npy', 'y_test.npy'],
      { path: '', test: '' },
    ],
    ['several tables that are no parts', ['a.parquet', 'b.parquet'], { path: '' }],
    ['a folder a class', ['cat/1.png', 'dog/1.jpg'], { path: '' }],
    [
      'folders of classes for each part',
      ['train/cat/1.png', 'train/dog/1.png', 'test/cat/2.png'],
      { path: 'train', test: 'test' },
    ],
    [
      'the only folder in it that holds one',
      ['images/cat/1.png', 'images/dog/1.png', 'README.md'],
      { path: 'images' },
    ],
    [
      'not what was installed beside it',
      ['cat/1.png', 'dog/1.png', 'node_modules/package/logo.png', '.cache/x.png'],
      { path: '' },
    ],
  ]
  test.each(cases)('%s', async (_, paths, expected) => {
    await files(...paths)
    expect(await detected()).toEqual(expected)
  })

  test('not images that lie in one folder', async () => {
    await files('cat/1.png', 'cat/2.png')
    await expect(detected()).rejects.toMatchObject({
      file: join(root, 'cat'),
      message: 'all images lie in one folder, and nothing tells their labels',
    })
  })

  test('not the folder of earlier runs', async () => {
    await files('images/cat/1.png', 'images/dog/1.png', 'runs/data/20260131T000000.000Z/splits/x.parquet')
    await openStore(join(root, 'runs/store'))
    expect(await detected()).toEqual({ path: 'images' })
  })

  test('for a training file, with the test file beside it', async () => {
    await files('train.csv', 'test.csv', 'other.csv')
    expect(await detected('train.csv')).toEqual({ path: 'train.csv', test: 'test.csv' })
    expect(await detected('other.csv')).toEqual({ path: 'other.csv' })
  })

  test('for an array of no part, with no test data', async () => {
    await files('x.npy', 'y.npy')
    expect(await detected('x.npy')).toEqual({ path: 'x.npy' })
  })

  test('asked for where there is none', async () => {
    await files('notes.txt')
    await expect(detectData(root)).rejects.toThrow(ConfigError)
    await expect(detectData(join(root, 'nowhere'))).rejects.toThrow('there is no such file or folder')
  })
})

describe('columns', () => {
  const guess = (...names: string[]) =>
    guessColumns({
      format: 'parquet',
      files: [],
      columns: names.map(name => ({ name, kind: 'text' as const })),
    })

  test('are known by their names', () => {
    expect(guess('image', 'Label', 'true_label', 'id')).toEqual({
      label: 'Label',
      others: [],
      trueLabel: 'true_label',
      id: 'id',
    })
    expect(guess('x', 'species')).toEqual({ label: 'species', others: [] })
    expect(guess('x', 'y1')).toEqual({ label: undefined, others: [] })
  })

  test('the only text is the label where no name tells', () => {
    const columns = (...more: string[]) => [
      { name: 'id', kind: 'text' as const },
      { name: 'picture', kind: 'image' as const },
      ...more.map(name => ({ name, kind: 'text' as const })),
    ]
    const guessed = (...more: string[]) =>
      guessColumns({ format: 'csv', files: [], columns: columns(...more) })
    expect(guessed('animal name')).toEqual({ label: 'animal name', others: [], isOnlyText: true, id: 'id' })
    expect(guessed('animal name', 'note').label).toBeUndefined()
    expect(guessed('note', 'species')).toMatchObject({ label: 'species' })
  })

  test('for people to read are the texts of a table without pictures', () => {
    const column = (name: string, kind: ColumnKind) => ({ name, kind })
    const columns = [
      column('label', 'text'),
      column('title', 'text'),
      column('', 'text'),
      column('x', 'vector'),
    ]
    const description = { format: 'parquet', files: [], columns } as const
    expect(columnsToRead(description, ['label'])).toEqual(['title'])
    const pictures = [...columns, column('image', 'image')]
    expect(columnsToRead({ ...description, columns: pictures }, ['label'])).toEqual([])
    expect(columnsToRead({ ...description, format: 'celeba' }, ['label'])).toEqual([])
  })

  test('are known by the class names that the file declares', () => {
    const columns = [
      { name: 'img', kind: 'image' as const },
      { name: 'kind_of_thing', kind: 'number' as const, classNames: ['a', 'b'] },
    ]
    expect(guessColumns({ format: 'parquet', files: [], columns })).toEqual({
      label: 'kind_of_thing',
      others: [],
    })
  })

  test('that may be the label as well are told, unless one is called label', () => {
    expect(guess('image', 'coarse', 'fine_label', 'species')).toEqual({
      label: 'fine_label',
      others: ['species'],
    })
    expect(guess('image', 'label', 'species').others).toEqual([])
    const declared = ['Male', 'Young'].map(name => ({
      name,
      kind: 'text' as const,
      classNames: [`not ${name}`, name],
    }))
    expect(guessColumns({ format: 'celeba', files: [], columns: declared })).toEqual({
      label: undefined,
      others: ['Male', 'Young'],
    })
  })
})
