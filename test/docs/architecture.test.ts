import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { stages } from '../../src/pipeline/stages.js'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const page = read('docs/architecture.md')

/** The text under a heading of the second degree, up to the next one. */
function section(title: string): string {
  const [, text] = page.split(`\n## ${title}\n`)
  return text!.split('\n## ')[0]!
}

/** First cells of a table's rows. */
const firstCells = (table: string): string => table.replace(/^\|([^|]*)\|.*$/gm, '$1')

test('the rooms are the folders of src', () => {
  const folders = readdirSync(new URL('../../src', import.meta.url), { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => name)
  const named = [...firstCells(section('Rooms')).matchAll(/`(\w+)\/`/g)].map(([, name]) => name!)
  expect(named.sort()).toEqual(folders.sort())
})

test('the picture of the data flow has every stage', () => {
  const picture = section('Data flow').split('```')[1]!
  const words = new Set(picture.match(/\w+/g))
  expect(stages.map(({ name }) => name).filter(name => !words.has(name))).toEqual([])
})

test('every dependency has its reason', () => {
  const { dependencies, peerDependencies } = JSON.parse(read('package.json'))
  // Builds of one package that are alternatives stand together: `x (optional: -node)`.
  const listed = firstCells(section('Dependencies')).replace(
    /(\S+) \(optional: ([^)]*)\)/g,
    (_, name, builds) => [name, ...builds.split(', ').map((build: string) => name + build)].join(', '),
  )
  const names = new Set(listed.split(/[\s,]+/))
  const wanted = Object.keys({ ...dependencies, ...peerDependencies })
  expect(wanted.filter(name => !names.has(name))).toEqual([])
})
