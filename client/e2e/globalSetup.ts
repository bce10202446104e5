import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { findBrowser } from '../scripts/browser.mjs'
import { freePort, startServer } from './server'

/** One server for all tests; the one that is restarted is another test's own. */
export default async function globalSetup() {
  if (!existsSync(resolve(import.meta.dirname, '../dist/index.html'))) {
    throw new Error('client/dist is missing: run `npm run build` first.')
  }
  if (!findBrowser()) throw new Error('No browser was found: `node scripts/browser.mjs` says what to do.')
  const dataDir = await mkdtemp(join(tmpdir(), 'page-e2e-'))
  const server = await startServer(dataDir, await freePort())
  process.env.PAGE_URL = server.url
  return async () => {
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}
