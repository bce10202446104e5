import type { Page } from '@playwright/test'
import { deleteAll, expect, expectNoAxeViolations, submitAsync, test } from './fixtures'

const views = [
  '/',
  '/queue',
  '/history',
  '/history?view=batches',
  '/tests',
  '/tests?view=load',
  '/health',
  '/api-explorer',
]

async function openView(page: Page, path: string): Promise<void> {
  await page.goto(path)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await expect(page.locator('[aria-label="Loading"]')).toHaveCount(0)
}

test('no barrier in light or dark: every view, empty', async ({ page, request }) => {
  await deleteAll(request)
  for (const path of [...views, '/account']) {
    await openView(page, path)
    await expectNoAxeViolations(page)
  }
})

test('no barrier in light or dark: every view, full', async ({ page, request }) => {
  for (let index = 0; index < 6; index += 1) await submitAsync(request, `Full_${index}`, 120)
  await openView(page, '/queue')
  await expectNoAxeViolations(page)
  await openView(page, '/')
  await page.getByLabel('Rows', { exact: true }).fill('600')
  await page.getByRole('button', { name: 'Race both' }).click()
  await expect(page.getByText(/less waiting with async/)).toBeVisible()
  await expect(page.getByText('First 8 of 600 rows')).toBeVisible({ timeout: 20_000 })
  await expectNoAxeViolations(page)
  await openView(page, '/history')
  await expectNoAxeViolations(page)
  await openView(page, '/tests')
  await page.getByRole('button', { name: 'Run Signature' }).click()
  await expect(page.getByText('Signature valid')).toBeVisible()
  await page.getByRole('button', { name: 'Run Rate limit' }).click()
  await expect(page.getByText(/switched off here/)).toBeVisible()
  await expectNoAxeViolations(page)
  await openView(page, '/api-explorer')
  await page.getByRole('button', { name: 'Send' }).click()
  await expect(page.getByText('200 OK')).toBeVisible()
  await expectNoAxeViolations(page)
})

test('no barrier in light or dark: a benchmark under way, its result, and two side by side', async ({
  page,
}) => {
  await openView(page, '/tests?view=load')
  const start = page.getByRole('button', { name: 'Start run' })
  await start.click()
  await expect(page.getByRole('progressbar', { name: 'async: called back' })).toBeVisible()
  await expectNoAxeViolations(page)
  await expect(page.getByTestId('side-async')).toBeVisible({ timeout: 20_000 })
  await expectNoAxeViolations(page)
  await page.getByLabel('Rows per report').fill('1')
  await start.click()
  await expect(page.getByText('Sync and async: 20 requests of 1 row, 20 at a time')).toBeVisible()
  await expect(page.getByTestId('side-async')).toBeVisible({ timeout: 20_000 })
  await page.getByRole('checkbox').nth(0).check()
  await page.getByRole('checkbox').nth(1).check()
  await page.getByRole('button', { name: 'Compare the two runs' }).click()
  await expect(page.getByTestId('comparison')).toBeVisible()
  await expectNoAxeViolations(page)
})

test('no barrier in light or dark: every dialog', async ({ page, request }) => {
  const id = await submitAsync(request, 'In_the_drawer')
  await openView(page, `/history?request=${id}`)
  await expect(page.getByText('Callback acknowledged after 1 attempt')).toBeVisible()
  await expectNoAxeViolations(page)
  await page.getByRole('tab', { name: /Attempts/ }).click()
  await expectNoAxeViolations(page)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Delete all…' }).click()
  await expectNoAxeViolations(page)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click()
  await expectNoAxeViolations(page)
})

test('no barrier in light or dark: every view, when the server has a problem', async ({ page }) => {
  const problem = {
    type: 'about:blank',
    title: 'Service Unavailable',
    status: 503,
    detail: 'The database is away.',
    instance: '/',
  }
  await page.route(/\/(api\/(?!ws)|openapi\.json)/, (route) =>
    route.fulfill({
      status: 503,
      contentType: 'application/problem+json',
      body: JSON.stringify(problem),
    }),
  )
  for (const path of views) {
    await openView(page, path)
    if (path === '/') await page.getByRole('button', { name: 'Race both' }).click()
    await expect(page.getByRole('alert').first()).toContainText('503')
    await expectNoAxeViolations(page)
  }
})
