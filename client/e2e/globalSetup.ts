import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium } from '@playwright/test'
import { executablePath } from '../playwright.config'
import { freePort, startServer } from './server'

/** One server for all tests; the one that is restarted is another test's own. */
export default async function globalSetup() {
  if (!existsSync(resolve(import.meta.dirname, '../dist/index.html'))) {
    throw new Error('client/dist is missing: run `npm run build` first.')
  }
  ensureBrowser()
  const dataDir = await mkdtemp(join(tmpdir(), 'page-e2e-'))
  const server = await startServer(dataDir, await freePort())
  process.env.PAGE_URL = server.url
  return async () => {
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** Take the browser that is there, or let Playwright bring one; a test without a browser is no test. */
function ensureBrowser(): void {
  if (executablePath || existsSync(chromium.executablePath())) return
  try {
    execFileSync('npx', ['playwright', 'install', 'chromium'], { stdio: 'inherit' })
  } catch {
    throw new Error(
      'No browser: install Chromium (Debian: apt-get install chromium) or name one in CHROMIUM_PATH.',
    )
  }
}
