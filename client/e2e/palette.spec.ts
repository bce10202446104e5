import { expect, expectNoAxeViolations, submitAsync, test, url } from './fixtures'

test('the commands open by keyboard anywhere, lead to a view, and close', async ({ page }) => {
  await page.goto('/')
  await page.getByLabel('Name', { exact: true }).focus()
  await page.keyboard.press('Control+k')
  const box = page.getByRole('combobox', { name: 'Commands' })
  await expect(box).toBeFocused()
  await expectNoAxeViolations(page)
  await box.fill('queu')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(`${url()}/queue`)
  await expect(page.getByRole('dialog')).toBeHidden()

  await page.keyboard.press('Control+k')
  await expect(box).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog')).toBeHidden()
})

test('a pasted id opens its request; other words search the history', async ({ page, request }) => {
  const id = await submitAsync(request, 'Found_by_its_id')
  await page.goto('/queue')
  await page.getByRole('button', { name: /^Commands/ }).click()
  const box = page.getByRole('combobox', { name: 'Commands' })
  await box.fill(id)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog', { name: 'Found_by_its_id' })).toBeVisible()

  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+k')
  await box.fill('Found_by')
  await page.getByRole('option', { name: 'Search the history for “Found_by”' }).click()
  await expect(page).toHaveURL(/\/history\?q=Found_by$/)
})

test('a race starts from any view', async ({ page }) => {
  await page.goto('/history')
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Commands' }).fill('race')
  await page.getByRole('option', { name: 'Race both' }).click()
  await expect(page.getByText(/^With async the client is free/)).toBeVisible()
})
