/** Metrics over HTTP, for this machine alone. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ConfigError } from '../errors.js'
import { contentType } from './prometheus.js'

export interface MetricsServer {
  readonly port: number
  close(): void
}

/**
 * Answers `GET /metrics` on the loopback interface.
 * @param port 0 takes any that is free
 * @param metrics called for every request
 * @throws ConfigError if the port is taken
 */
export async function serveMetrics(
  port: number,
  metrics: () => string | Promise<string>,
): Promise<MetricsServer> {
  const server = createServer(async (request, response) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (request.url?.split('?')[0] !== '/metrics' || !isRead) {
      response.writeHead(isRead ? 404 : 405).end()
      return
    }
    try {
      const text = await metrics()
      response.writeHead(200, { 'content-type': contentType }).end(text)
    } catch {
      response.writeHead(500).end()
    }
  })
  server.listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new ConfigError(`metrics cannot be served there: ${(cause as Error).message}`, {
      file: `--metrics-port ${port}`,
      mend: 'Choose another port.',
      cause,
    })
  }
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
