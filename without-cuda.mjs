/**
 * Runs before the packages that pieline depends on run their own install scripts. That of onnxruntime-node downloads
 * some 300 MB of CUDA libraries on Linux, which pieline does not use, and fails where their host cannot be reached.
 * It fetches nothing that is there already, so empty files stand in for them.
 *
 * `ONNXRUNTIME_NODE_INSTALL=cuda12 npm install pieline` gets the real ones; a project that depends on
 * onnxruntime-node by itself is left alone.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const { env, platform, arch } = process
const asked = Object.keys(env).some(name => /^(npm_config_)?onnxruntime_node_install/i.test(name))
const isDependency = import.meta.url.includes('/node_modules/')

if (isDependency && !asked && !projectDependsOnIt()) {
  try {
    standIn()
  } catch {
    // Another layout of that package: then its script runs as it would without us.
  }
}

function projectDependsOnIt() {
  try {
    const project = JSON.parse(readFileSync(join(env.npm_config_local_prefix, 'package.json'), 'utf8'))
    return 'onnxruntime-node' in { ...project.dependencies, ...project.devDependencies }
  } catch {
    return false
  }
}

function standIn() {
  const require = createRequire(import.meta.url)
  const folder = dirname(require.resolve('onnxruntime-node/package.json'))
  const { requirements, manifests } = require('onnxruntime-node/script/install-metadata.js')
  for (const name of requirements[`${platform}/${arch}`]) {
    for (const file of Object.keys(manifests[`${platform}/${arch}:${name}`])) {
      try {
        writeFileSync(join(folder, 'bin/napi-v6', platform, arch, file), '', { flag: 'wx' })
      } catch (error) {
        if (error.code !== 'EEXIST') throw error
      }
    }
  }
}
