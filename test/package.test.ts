import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

const json = async (name: string) =>
  JSON.parse(await readFile(new URL(`../${name}`, import.meta.url), 'utf8'))

test('npm ci never runs onnxruntime-node’s install script, which downloads the CUDA build', async () => {
  // npm 11 asks package.json; npm 10 runs the scripts of the packages that the lock marks with hasInstallScript.
  // Should this fail after an update of onnxruntime-node: delete that line of package-lock.json again.
  expect((await json('package.json')).allowScripts).toMatchObject({ 'onnxruntime-node': false })
  const lock = await json('package-lock.json')
  expect(lock.packages['node_modules/onnxruntime-node']).toMatchObject({ version: expect.any(String) })
  expect(lock.packages['node_modules/onnxruntime-node'].hasInstallScript).toBeUndefined()
})
