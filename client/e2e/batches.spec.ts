import { deleteAll, expect, expectNoAxeViolations, test } from './fixtures'

test('a batch is submitted, seen to its end, found in the history, and deleted after asking', async ({
  page,
  request,
}) => {
  await deleteAll(request)
  await page.goto('/history?view=batches')
  await expect(page.getByText('No batches yet')).toBeVisible()
  await page.getByLabel('Batch name').fill('Month end')
  await page.getByLabel('Reports', { exact: true }).fill('12')
  await page.getByLabel('Rows each').fill('2')
  await page.getByLabel('Callbacks').selectOption('both')
  await page.getByRole('button', { name: 'Submit batch' }).click()
  await expect(page.getByText(/^12 reports accepted, positions [\d,]+ to [\d,]+\.$/)).toBeVisible()

  const row = page.getByTestId('batch')
  await expect(row.getByText('12 of 12 ended: 12 completed')).toBeVisible()
  await expect(row.getByText('Callbacks of the requests: 12 delivered')).toBeVisible()
  await expect(row.getByText('Delivered', { exact: true })).toBeVisible()
  await expectNoAxeViolations(page)
  await row.getByRole('link', { name: 'Month end' }).click()
  await expect(page).toHaveURL(/history\?batch_id=/)
  await expect(page.getByTestId('rows').getByText('Report_12', { exact: true })).toBeVisible()
  await expect(page.getByTestId('rows').getByRole('row')).toHaveCount(12)

  await page.goBack()
  await row.getByRole('button', { name: 'Delete… Month end' }).click()
  const asked = page.getByRole('dialog', { name: 'Delete Month end?' })
  await expect(asked).toContainText('12 requests')
  await asked.getByRole('button', { name: 'Delete batch' }).click()
  await expect(page.getByText('No batches yet')).toBeVisible()
})
