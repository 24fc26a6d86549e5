import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

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

describe('an installation of the package', () => {
  const libraries = 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64'
  let project: string
  beforeEach(async () => {
    project = await mkdtemp(join(tmpdir(), 'pieline-install-'))
    const installed = join(import.meta.dirname, '../node_modules/onnxruntime-node')
    await mkdir(join(project, libraries), { recursive: true })
    for (const part of ['package.json', 'script']) {
      await cp(join(installed, part), join(project, 'node_modules/onnxruntime-node', part), {
        recursive: true,
      })
    }
    await mkdir(join(project, 'node_modules/pieline'))
    await cp(
      join(import.meta.dirname, '../without-cuda.mjs'),
      join(project, 'node_modules/pieline/without-cuda.mjs'),
    )
    await writeFile(join(project, 'package.json'), '{}')
  })
  afterEach(() => rm(project, { recursive: true, force: true }))

  async function preinstall(env: Record<string, string> = {}): Promise<string[]> {
    const { ONNXRUNTIME_NODE_INSTALL, ...inherited } = process.env
    const clean = Object.entries(inherited).filter(([name]) => !name.toLowerCase().startsWith('npm_config_'))
    await promisify(execFile)(process.execPath, [join(project, 'node_modules/pieline/without-cuda.mjs')], {
      env: { ...Object.fromEntries(clean), npm_config_local_prefix: project, ...env },
    })
    return (await readdir(join(project, libraries))).sort()
  }

  const isLinux = process.platform === 'linux' && process.arch === 'x64'

  test.runIf(isLinux)('leaves onnxruntime-node nothing to download', async () => {
    expect(await preinstall()).toEqual([
      'libonnxruntime_providers_cuda.so',
      'libonnxruntime_providers_shared.so',
      'libonnxruntime_providers_tensorrt.so',
    ])
    // Its own script, which would have to reach the network otherwise, finds everything there.
    const script = join(project, 'node_modules/onnxruntime-node/script/install.js')
    const globalAgent = join(import.meta.dirname, '../node_modules')
    await promisify(execFile)(process.execPath, [script], { env: { ...process.env, NODE_PATH: globalAgent } })
  })

  test('leaves alone who asks for the CUDA libraries, or uses onnxruntime-node himself', async () => {
    expect(await preinstall({ ONNXRUNTIME_NODE_INSTALL: 'cuda12' })).toEqual([])
    expect(await preinstall({ npm_config_onnxruntime_node_install: 'cuda12' })).toEqual([])
    await writeFile(join(project, 'package.json'), '{"dependencies": {"onnxruntime-node": "1"}}')
    expect(await preinstall()).toEqual([])
  })
})
