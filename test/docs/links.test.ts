import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
]

/** The page's text without fenced blocks, where brackets and number signs mean other things. */
const proseOf = (file: string): string =>
  readFileSync(file, 'utf8').replace(/^( *)(```|~~~)[\s\S]*?^\1\2/gm, '')

/** Anchors of the headings: lower case, without punctuation, a hyphen for each space; repeats are numbered. */
function anchorsOf(file: string): ReadonlySet<string> {
  const prose = proseOf(file)
  const anchors = new Set([...prose.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id]) => id))
  const seen = new Map<string, number>()
  for (const [, heading] of prose.matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    const slug = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .replaceAll(' ', '-')
    const before = seen.get(slug) ?? 0
    seen.set(slug, before + 1)
    anchors.add(before === 0 ? slug : `${slug}-${before}`)
  }
  return anchors
}

/** Targets of links and images that lie in the project. */
function targetsOf(file: string): string[] {
  const prose = proseOf(file).replace(/`[^`\n]*`/g, code => code.replace(/[[\]()]/g, ' '))
  const inline = [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)]
  const markup = [...prose.matchAll(/<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)="([^"\s]+)"/g)]
  const defined = [...prose.matchAll(/^\[[^\]]+\]: +<?(\S+?)>?$/gm)]
  return [...inline, ...markup, ...defined]
    .map(([, target]) => target)
    .filter(target => !/^[a-z]+:/.test(target))
}

test.each(pages)('every relative link of %s leads somewhere', page => {
  const file = join(root, page)
  const dead = targetsOf(file).filter(target => {
    const [path, anchor] = target.split('#')
    const found = path === '' ? file : join(dirname(file), decodeURIComponent(path))
    if (!existsSync(found)) return true
    return (
      anchor !== undefined &&
      statSync(found).isFile() &&
      found.endsWith('.md') &&
      !anchorsOf(found).has(anchor)
    )
  })
  expect(dead).toEqual([])
})

test('links are found at all', () => {
  expect(targetsOf(join(root, 'README.md')).length).toBeGreaterThan(5)
})
