import type { Page } from '@playwright/test'
import { expect, test } from './fixtures'

/** A train's connection. */
const LATENCY_MS = 400
const BYTES_PER_S = 50 * 1024

/** On a machine with nothing else to do: 1 s and 4 s. The tests share theirs, so they allow twice as much. */
const SKELETON_MS = 2 * 1_000
const USABLE_MS = 2 * 4_000
const WIRE_BYTES = 130 * 1024

/** Slow the page's network down; returns how many bytes have come so far, headers included. */
async function slowDown(page: Page): Promise<() => number> {
  const session = await page.context().newCDPSession(page)
  let bytes = 0
  session.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
  await session.send('Network.enable')
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: LATENCY_MS,
    downloadThroughput: BYTES_PER_S,
    uploadThroughput: BYTES_PER_S,
  })
  return () => bytes
}

test('on a slow network a skeleton comes long before the page, and the page soon', async ({ page }) => {
  const bytes = await slowDown(page)

  await page.goto('/', { waitUntil: 'commit' })
  await expect(page.getByRole('button', { name: 'Race both' })).toBeEnabled()
  const usableMs = await page.evaluate(() => performance.now())
  const usableBytes = bytes()
  const paintMs = await page.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity,
  )

  console.log(
    `first paint ${paintMs.toFixed(0)} ms, usable ${usableMs.toFixed(0)} ms, ${(usableBytes / 1024).toFixed(1)} KB`,
  )
  expect(paintMs).toBeLessThan(SKELETON_MS)
  expect(usableMs).toBeLessThan(USABLE_MS)
  expect(usableBytes).toBeLessThan(WIRE_BYTES)
})

test('the skeleton is there before any file has come, in both themes, and the page takes its place', async ({
  page,
}) => {
  let letGo = () => {}
  const held = new Promise<void>((done) => (letGo = done))
  await page.route('**/assets/**', async (route) => {
    await held
    await route.continue()
  })
  for (const [scheme, back] of [
    ['light', 'rgb(246, 248, 251)'],
    ['dark', 'rgb(10, 15, 28)'],
  ] as const) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.goto('/history', { waitUntil: 'commit' })
    await expect(page.getByText('Report Generator', { exact: true })).toBeVisible()
    await expect(page.locator('.boot')).toHaveCSS('background-color', back)
  }
  letGo()
  await expect(page.getByRole('heading', { level: 1, name: 'History' })).toBeVisible()
  await expect(page.locator('.boot')).toHaveCount(0)
})
