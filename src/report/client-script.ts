/** The text of the script that runs in the page. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * The gallery's module as JavaScript that stands in the page. In the built package it lies compiled beside this file;
 * run from source, the TypeScript compiler, which is there then, makes the same text.
 */
export async function clientScript(): Promise<string> {
  const compiled = fileURLToPath(new URL('./client/gallery.js', import.meta.url))
  const module = existsSync(compiled) ? readFileSync(compiled, 'utf8') : await compile()
  // Inside a script element only the end tag and a comment that swallows it could break out.
  if (/<\/script|<!--/i.test(module)) throw new Error('the client script cannot stand inside a page')
  return `${module.trim()}\nstart(document)\n`
}

async function compile(): Promise<string> {
  const { default: ts } = await import('typescript')
  const source = readFileSync(new URL('./client/gallery.ts', import.meta.url), 'utf8')
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  }
  return ts.transpileModule(source, { compilerOptions }).outputText
}
