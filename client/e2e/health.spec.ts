import { expect, submitAsync, test } from './fixtures'

test('the health view charts what the server counted, without a Prometheus', async ({ page, request }) => {
  await page.goto('/health')
  await expect(page.getByText('Leads')).toBeVisible({ timeout: 30_000 }) // a step takes 15 s
  await submitAsync(request, 'Charted')
  const requests = page.getByRole('img', { name: /^Requests over the last \d+ minutes?\. Accepted: now/ })
  await expect(requests).toHaveAttribute('aria-label', /Accepted: now .+, at most 0?\.?\d+.* \/ s/, {
    timeout: 30_000,
  })
  await expect(page.getByRole('img')).toHaveCount(8)
  await expect(page.getByText('Up')).toHaveCount(2)
})
