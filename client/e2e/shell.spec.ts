import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, submitAsync, test, url } from './fixtures'
import { freePort, startServer } from './server'

test('every view has an address that works by itself', async ({ page }) => {
  for (const [path, heading] of [
    ['/', 'Same report, two ways to wait'],
    ['/queue', 'Queue'],
    ['/history', 'History'],
    ['/tests', 'Resilience tests'],
    ['/health', 'Health'],
    ['/api-explorer', 'API'],
  ] as const) {
    expect((await page.goto(path))?.status()).toBe(200)
    await expect(page.getByRole('heading', { level: 1, name: heading })).toBeVisible()
  }
  expect((await page.goto('/no-such-page'))?.status()).toBe(404)
  await expect(page.getByRole('heading', { name: 'Page not found' })).toBeVisible()
})

test('an unknown address below /api is a JSON 404, not the page', async ({ request }) => {
  const answer = await request.get(`${url()}/api/no-such-thing`)
  expect(answer.status()).toBe(404)
  expect(answer.headers()['content-type']).toContain('application/problem+json')
})

test('a link to a deleted request says so', async ({ page }) => {
  await page.goto('/history?request=00000000-0000-4000-8000-000000000000')
  await expect(page.getByRole('dialog').getByRole('alert')).toContainText('404')
})

test('the keyboard goes everywhere', async ({ page }) => {
  await page.goto('/')
  await page.getByRole('heading', { level: 1 }).waitFor()
  for (const [key, path] of [
    ['q', '/queue'],
    ['h', '/history'],
    ['t', '/tests'],
    ['e', '/health'],
    ['a', '/api-explorer'],
    ['p', '/'],
  ] as const) {
    await page.keyboard.press('g')
    await page.keyboard.press(key)
    await expect(page).toHaveURL(url() + path)
  }
})

test('the chosen theme is there before the first paint', async ({ page }) => {
  await page.goto('/')
  await page.getByRole('button', { name: /^Theme: like the system/ }).click()
  await page.getByRole('button', { name: /^Theme: light/ }).click()
  await page.reload({ waitUntil: 'commit' })
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
})

test('nothing is wider than the window from 320 to 1920 px', async ({ page, request }) => {
  await submitAsync(request, 'A_report_with_a_rather_long_name_that_wants_a_lot_of_room_on_the_screen')
  for (const width of [320, 768, 1280, 1920]) {
    await page.setViewportSize({ width, height: 900 })
    for (const path of [
      '/',
      '/queue',
      '/history',
      '/tests',
      '/tests?view=load',
      '/health',
      '/api-explorer',
    ]) {
      await page.goto(path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      const tooWide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      )
      expect(tooWide, `${path} at ${width} px`).toBeLessThanOrEqual(0)
    }
  }
})

test('the page reconnects after the server was restarted, and shows what happened since', async ({
  page,
  request,
}) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'page-restart-'))
  const port = await freePort()
  const before = await startServer(dataDir, port)
  try {
    await page.goto(`${before.url}/history`)
    await expect(page.getByTestId('connection')).toHaveText('Live')
    await before.stop()
    await expect(page.getByTestId('connection')).not.toHaveText('Live')
    await expect(page.getByRole('alert')).toContainText('The server is not responding')
  } finally {
    await before.stop()
  }
  const after = await startServer(dataDir, port)
  try {
    await request.post(`${after.url}/api/sync`, {
      data: { report_name: 'After_the_restart', num_transactions: 1 },
    })
    await expect(page.getByTestId('connection')).toHaveText('Live')
    await expect(page.getByText('After_the_restart')).toBeVisible()
  } finally {
    await after.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
})

test('with neither a socket nor an event stream the page polls', async ({ page, request }) => {
  await page.routeWebSocket('**/api/ws', (socket) => socket.close())
  await page.route('**/api/events', (route) => route.fulfill({ status: 503 }))
  await page.goto('/history')
  await expect(page.getByTestId('connection')).toHaveText('Polling')
  await submitAsync(request, 'Seen_by_polling')
  await expect(page.getByText('Seen_by_polling')).toBeVisible()
})

test('a view whose file is gone makes the page load anew, once', async ({ page }) => {
  let loads = 0
  page.on('framenavigated', (frame) => {
    if (frame === page.mainFrame()) loads += 1
  })
  // As after a deploy: the page that is open names files that are there no more.
  await page.route('**/assets/HistoryPage-*.js', (route) =>
    loads < 2 ? route.fulfill({ status: 404 }) : route.continue(),
  )
  await page.goto('/history')
  await expect(page.getByRole('heading', { level: 1, name: 'History' })).toBeVisible()
  expect(loads).toBe(2)
})
