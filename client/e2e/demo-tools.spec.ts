import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from './fixtures'
import { freePort, startServer, type RunningServer } from './server'

let dataDir: string
let server: RunningServer

test.beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'page-no-demo-'))
  server = await startServer(dataDir, await freePort(), { DEMO_TOOLS: 'false' })
})

test.afterAll(async () => {
  await server.stop()
  await rm(dataDir, { recursive: true, force: true })
})

test('without the demo tools the page offers none of them, and asks for none', async ({ page }) => {
  const asked: string[] = []
  page.on('request', (request) => asked.push(new URL(request.url()).pathname))
  await page.goto(server.url)
  await expect(page.getByLabel('Callback URL')).toBeVisible()
  await expect(page.getByLabel('Callback receiver')).toHaveCount(0)
  // Nobody is there to be called back, and nobody need be.
  await expect(page.getByRole('button', { name: 'Run async' })).toBeEnabled()
  await page.getByRole('button', { name: 'Run sync' }).click()
  await expect(page.getByText('First 8 of 50 rows')).toBeVisible()

  await page.goto(`${server.url}/history`)
  await expect(page.getByText('1 request')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Delete all…' })).toHaveCount(0)
  expect(asked.filter((path) => path.startsWith('/api/callbacks'))).toEqual([])
})
