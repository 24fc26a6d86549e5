import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { ConfigError } from '../../src/errors.js'
import { choose } from '../../src/terminal/ask.js'

const columns = ['coarse', 'fine', '3']

async function answered(typed: string, preselected?: string): Promise<{ chosen: string; shown: string }> {
  const input = new PassThrough()
  const output = new PassThrough()
  const shown = text(output)
  input.end(typed)
  try {
    const chosen = await choose('Which column is the label?', columns, preselected, { input, output })
    output.end()
    return { chosen, shown: await shown }
  } finally {
    output.end()
  }
}

test.each([
  ['the name', 'fine\n', 'fine'],
  ['the number', '1\n', 'coarse'],
  ['a name that is a number', '3\n', '3'],
  ['another answer after some that are none', 'fin\n\n4\n0\n-1\n1.5\n 2 \n', 'fine'],
])('takes %s', async (_, typed, chosen) => {
  expect((await answered(typed)).chosen).toBe(chosen)
})

test('shows the choices, and takes the preselected one for an empty answer', async () => {
  const { chosen, shown } = await answered('\n', 'fine')
  expect(chosen).toBe('fine')
  expect(shown).toBe('Which column is the label?\n  1  coarse\n  2  fine\n  3  3\n[fine] > ')
})

test('ends with the input', async () => {
  await expect(answered('nothing\n')).rejects.toThrow(ConfigError)
})
