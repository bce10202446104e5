import { expect, test, url } from './fixtures'

test('a race shows how long each way blocked the client, on one axis', async ({ page }) => {
  await page.goto('/')
  // Three seconds of work: an acknowledgement is quicker, however busy the machine is.
  await page.getByLabel('Rows', { exact: true }).fill('600')
  await page.getByRole('button', { name: 'Race both' }).click()
  const sync = page.getByRole('img', { name: /^sync run: report ready after/ })
  const asynchronous = page.getByRole('img', {
    name: /^async run: acknowledged after .*callback acknowledged after/,
  })
  await expect(sync).toBeVisible()
  await expect(asynchronous).toBeVisible()
  await expect(page.getByText('callback acknowledged', { exact: false }).first()).toBeVisible()
  await expect(page.getByText(/less waiting with async/)).toBeVisible()
})

test('a report is previewed with its first rows, its charts and its download', async ({ page }) => {
  await page.goto('/')
  await page.getByRole('button', { name: 'Run sync' }).click()
  await expect(page.getByText('First 8 of 50 rows')).toBeVisible()
  await expect(page.getByText('Totals by category')).toBeVisible()
  await expect(page.getByRole('img', { name: /Revenue and expenses over/ })).toBeVisible()
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download CSV' }).click()
  expect((await download).suggestedFilename()).toMatch(/\.csv$/)
  await page.getByRole('tab', { name: 'curl' }).click()
  await expect(page.getByText(/curl -i -X POST/)).toBeVisible()
  await page.getByRole('tab', { name: 'Response' }).click()
  await expect(page.getByText(/"status": "completed"/)).toBeVisible()
})

test('rapid clicks on async all get through, and nothing blocks', async ({ page }) => {
  await page.goto('/')
  for (let click = 0; click < 6; click += 1) await page.getByRole('button', { name: 'Run async' }).click()
  await expect(page.getByRole('img', { name: /^async run: .*callback acknowledged/ })).toHaveCount(6, {
    timeout: 20_000,
  })
})

test('a refused report says why and what to do, and keeps the form', async ({ page }) => {
  await page.goto('/')
  await page.getByLabel('Rows', { exact: true }).fill('1001')
  await page.getByRole('button', { name: 'Run sync' }).click()
  await expect(page.getByRole('alert')).toContainText('422')
  await expect(page.getByRole('alert')).toContainText('Fix the value')
  await expect(page.getByLabel('Rows', { exact: true })).toHaveValue('1001')
})

test('a race that sync refuses has no figure for it and no verdict about both', async ({ page }) => {
  await page.goto('/')
  await page.getByLabel('Rows', { exact: true }).fill('1001')
  await page.getByRole('button', { name: 'Race both' }).click()
  await expect(page.getByTestId('verdict')).toHaveText(
    /^Sync cannot do this one at all, async took [\d.]+ m?s\.$/,
    {
      timeout: 20_000,
    },
  )
  await expect(page.getByText(/less waiting|about the same/)).toHaveCount(0)
  await expect(page.getByRole('img', { name: 'sync run: refused' })).toBeVisible()
})

test('a callback URL that is refused says so at its field, with the command that allows it', async ({
  page,
}) => {
  await page.goto('/')
  await page.getByLabel('Callback receiver').selectOption('own')
  await page.getByLabel('Callback URL').fill('http://127.0.0.1:9121/fail')
  await page.getByRole('button', { name: 'Run async' }).click()
  await expect(page.getByLabel('Callback URL')).toBeFocused()
  await expect(page.getByText('make run CALLBACK_ALLOWED_ORIGINS=http://127.0.0.1:9121')).toBeVisible()
})

test('on a phone a race that was started is in view', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 })
  await page.goto('/')
  await page.getByRole('button', { name: 'Race both' }).click()
  await expect(page.getByRole('heading', { name: 'Race', exact: true })).toBeInViewport()
})

test('a callback URL is checked, and a test message sent, before anything is submitted', async ({ page }) => {
  await page.goto('/')
  await page.getByLabel('Callback receiver').selectOption('own')
  await page.getByLabel('Callback URL').fill('http://10.0.0.1/hook')
  await page.getByRole('button', { name: 'Check this URL' }).click()
  await expect(page.getByText(/CALLBACK_ALLOWED_ORIGINS/).first()).toBeVisible()

  await page.getByLabel('Callback URL').fill(`${url()}/api/callbacks/receive`)
  await expect(page.getByText(/CALLBACK_ALLOWED_ORIGINS/)).toHaveCount(0)
  await page.getByRole('button', { name: 'Send a test message' }).click()
  await expect(page.getByText(/^The receiver answered 200 \(/)).toBeVisible()
})
