import { expect, submitAsync, test } from './fixtures'

test('an operation is tried, and its status, headers and body are shown', async ({ page }) => {
  await page.goto('/api-explorer')
  await page.getByRole('button', { name: 'POST /api/sync' }).click()
  await page.getByRole('button', { name: 'Send' }).click()
  await expect(page.getByText('200 OK')).toBeVisible()
  await expect(page.getByText(/"status": "completed"/)).toBeVisible()
  await page.getByRole('tab', { name: /Headers/ }).click()
  await expect(page.getByText(/content-type: application\/json/)).toBeVisible()
  await page.getByRole('tab', { name: 'Python' }).click()
  await expect(page.getByText(/import httpx/)).toBeVisible()
})

test('an operation has an address of its own', async ({ page }) => {
  await page.goto('/api-explorer')
  await page.getByRole('button', { name: 'GET /api/health', exact: true }).click()
  await page.reload()
  await expect(page.getByRole('heading', { name: 'GET /api/health' })).toBeVisible()
})

test('what deletes asks first, and does nothing when it is called off', async ({ page, request }) => {
  await submitAsync(request, 'Still_here')
  const sent: string[] = []
  page.on('request', (one) => sent.push(one.method()))
  await page.goto('/api-explorer')
  await page.getByRole('button', { name: 'DELETE /api/requests', exact: true }).click()
  await page.getByRole('button', { name: 'Delete all requests…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  expect(sent).not.toContain('DELETE')
  await page.getByRole('button', { name: 'Delete all requests…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete all requests' }).click()
  await expect(page.getByText('200 OK')).toBeVisible()
  expect(sent).toContain('DELETE')
})
