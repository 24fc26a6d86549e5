/** Secrets, read from where the pipeline says whenever they are needed; they are kept and told nowhere. */
import { readFile } from 'node:fs/promises'
import { ConfigError } from '../errors.js'
import type { SecretConfig } from '../pipeline/config.js'

/** @throws ConfigError that names the variable or file, if it is not there or empty */
export async function readSecret(from: SecretConfig): Promise<string> {
  if ('env' in from) {
    const value = process.env[from.env]?.trim()
    if (value) return value
    throw new ConfigError(`the environment variable ${from.env} is not set`, { key: 'notify' })
  }
  let text: string
  try {
    text = (await readFile(from.file, 'utf8')).trim()
  } catch (cause) {
    throw new ConfigError('the secret cannot be read', { file: from.file, key: 'notify', cause })
  }
  if (text) return text
  throw new ConfigError('there is no secret in it', { file: from.file, key: 'notify' })
}
