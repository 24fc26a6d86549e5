/** The text of a script that runs in a page. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const gallery = new URL('./client/gallery.js', import.meta.url)

/**
 * A client module, without imports, as JavaScript that stands in a page and starts there; the gallery's unless another
 * is named. In the built package it lies compiled beside its users; run from source, the TypeScript compiler, which is
 * there then, makes the same text.
 * @param module where the compiled module is, or would be
 */
export async function clientScript(module: URL = gallery): Promise<string> {
  const compiled = fileURLToPath(module)
  const text = existsSync(compiled) ? readFileSync(compiled, 'utf8') : await compile(compiled)
  // Inside a script element only the end tag and a comment that swallows it could break out.
  if (/<\/script|<!--/i.test(text)) throw new Error('the client script cannot stand inside a page')
  return `${text.trim()}\nstart(document)\n`
}

async function compile(compiled: string): Promise<string> {
  const { default: ts } = await import('typescript')
  const source = readFileSync(compiled.replace(/\.js$/, '.ts'), 'utf8')
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  }
  return ts.transpileModule(source, { compilerOptions }).outputText
}
