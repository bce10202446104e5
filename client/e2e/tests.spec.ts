import { expect, submitAsync, test } from './fixtures'

for (const [id, name] of [
  ['idempotency', 'Idempotency'],
  ['forbidden-urls', 'Forbidden callback URLs'],
  ['signature', 'Signature'],
  ['callback-failure', 'Failing callback'],
] as const) {
  test(`the claim "${name}" holds`, async ({ page }) => {
    await page.goto('/tests')
    await page.getByRole('button', { name: `Run ${name}` }).click()
    await expect(page.getByTestId(`check-${id}`).locator('..').getByText('Passed')).toBeVisible({
      timeout: 20_000,
    })
  })
}

test('the signature lab notices one changed byte', async ({ page }) => {
  await page.goto('/tests')
  await page.getByRole('button', { name: 'Run Signature' }).click()
  await expect(page.getByText('Signature valid')).toBeVisible()
  await page.getByRole('button', { name: 'Change one byte' }).click()
  await expect(page.getByText('Signature does not match')).toBeVisible()
})

test('a limit that is switched off is said to be', async ({ page }) => {
  await page.goto('/tests')
  await page.getByRole('button', { name: 'Run Rate limit' }).click()
  await expect(page.getByText(/switched off here/)).toBeVisible()
})

test('any callback can be verified', async ({ page, request }) => {
  await submitAsync(request, 'To_be_verified')
  await page.goto('/tests')
  await expect(async () => {
    await page.getByRole('button', { name: 'Use the last one received here' }).click()
    await expect(page.getByTestId('verification')).toHaveText('Signature valid.', { timeout: 1_000 })
  }).toPass()
  await page.getByLabel('Body, exactly as received').pressSequentially(' ')
  await expect(page.getByTestId('verification')).toContainText('does not match')
})
