import { existsSync } from 'node:fs'
import { chromium, defineConfig } from '@playwright/test'

const managed = (() => {
  try {
    return chromium.executablePath()
  } catch {
    return ''
  }
})()
const candidates = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const system = candidates.find((path) => existsSync(path))

/** The one that is named, the one Playwright brought, or the system's. */
export const executablePath = process.env.CHROMIUM_PATH ?? (existsSync(managed) ? undefined : system)
const sandboxed = process.getuid?.() !== 0 && !process.env.CI
export const launchOptions = {
  ...(executablePath ? { executablePath } : {}),
  args: [...(sandboxed ? [] : ['--no-sandbox']), '--disable-dev-shm-usage'],
}

export default defineConfig({
  testDir: './e2e',
  globalSetup: './e2e/globalSetup.ts',
  // The tests share one server and one demo receiver, and two cores.
  workers: 1,
  fullyParallel: false,
  forbidOnly: Boolean(process.env.CI),
  timeout: 30_000,
  expect: { timeout: 10_000 },
  projects: [
    { name: 'e2e', testMatch: '*.spec.ts' },
    // The figures are apart from the tests: they measure the machine as much as the page.
    { name: 'figures', testMatch: '*.perf.ts', timeout: 120_000, use: { trace: 'off' } },
  ],
  reporter: [['list']],
  use: {
    launchOptions,
    trace: process.env.CI ? 'retain-on-failure' : 'off',
    viewport: { width: 1280, height: 900 },
  },
})
