import { defineConfig } from '@playwright/test'
import { findBrowser } from './scripts/browser.mjs'

const executablePath = findBrowser()
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
  // Generous: `make test` runs the server's tests beside these.
  timeout: 120_000,
  expect: { timeout: 20_000 },
  projects: [
    { name: 'e2e', testMatch: '*.spec.ts' },
    // The figures are apart from the tests: they measure the machine as much as the page.
    { name: 'figures', testMatch: '*.perf.ts', timeout: 120_000, use: { trace: 'off' } },
  ],
  reporter: [['list']],
  use: {
    launchOptions,
    // Without pictures of every moment, which cost more than what is tested.
    trace: process.env.CI ? { mode: 'retain-on-failure', screenshots: false } : 'off',
    screenshot: process.env.CI ? 'only-on-failure' : 'off',
    viewport: { width: 1280, height: 900 },
  },
})
