import {
  createServer,
  request as forward,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, submitAsync, test, url } from './fixtures'

/** A proxy as some companies have one: HTTP gets through, an upgrade does not. */
class Proxy {
  upgrades = 0
  streams: IncomingHttpHeaders[] = []
  private open = new Set<ServerResponse>()

  private server: Server = createServer((request, response) => {
    const { method, headers, url: path } = request
    const isStream = path === '/api/events'
    if (isStream) {
      this.streams.push(headers)
      this.open.add(response)
      response.on('close', () => this.open.delete(response))
    }
    const behind = forward(new URL(path ?? '/', url()), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    response.on('close', () => behind.destroy())
    behind.on('error', () => response.destroy())
    request.pipe(behind)
  })

  async start(): Promise<string> {
    this.server.on('upgrade', (_request, socket) => {
      this.upgrades += 1
      socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    })
    await new Promise<void>((done) => this.server.listen(0, 'localhost', done))
    return `http://localhost:${(this.server.address() as AddressInfo).port}`
  }

  cutStreams(): void {
    for (const response of this.open) response.destroy()
  }

  stop(): void {
    this.server.close()
    this.server.closeAllConnections()
  }
}

test('where a proxy breaks WebSockets the page watches by an event stream', async ({ page, request }) => {
  const proxy = new Proxy()
  try {
    await page.goto(`${await proxy.start()}/history`)
    await expect.poll(() => proxy.streams.length).toBe(1)
    await expect(page.getByTestId('connection')).toHaveText('Live')
    await submitAsync(request, 'By_stream')
    await expect(page.getByText('By_stream').first()).toBeVisible()

    // The socket is given up while the stream is there; what comes during a break is told after it.
    proxy.cutStreams()
    await submitAsync(request, 'In_the_break')
    await expect.poll(() => proxy.streams[1]?.['last-event-id']).toMatch(/^[0-9a-f]+-\d+$/)
    await expect(page.getByTestId('connection')).toHaveText('Live')
    await expect(page.getByText('In_the_break').first()).toBeVisible()
    expect(proxy.upgrades).toBeLessThan(8)
  } finally {
    proxy.stop()
  }
})
