import { execFileSync } from 'node:child_process'
import { deleteAll, expect, misbehave, submitAsync, test, url } from './fixtures'

test.beforeEach(({ request }) => deleteAll(request))
test.afterEach(({ request }) => misbehave(request, 'enabled=false'))

test('a failing callback is followed to its retry in one timeline', async ({ page, request }) => {
  await misbehave(request, 'enabled=true&fail_next=1&status_code=503')
  const id = await submitAsync(request, 'Failing_callback')
  await page.goto(`/history?request=${id}`)
  const timeline = page.getByRole('dialog').getByRole('list', { name: 'Timeline' })
  await expect(timeline.getByText('Attempt 1: answered 503')).toBeVisible()
  await expect(timeline.getByText('Attempt 2: answered 200')).toBeVisible()
  await expect(timeline.getByText(/waited [\d.,]+ m?s before the retry/)).toBeVisible()
  await expect(
    timeline.getByText(/Received by the demo receiver: signature valid, answered 503/),
  ).toBeVisible()
  await expect(
    timeline.getByText(/Received by the demo receiver: signature valid, answered 200/),
  ).toBeVisible()
  await expect(timeline.getByText('Callback acknowledged after 2 attempts')).toBeVisible()
})

test('each attempt opens to what was sent and what came back, and is copied as curl to the receiver', async ({
  page,
  context,
  request,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await misbehave(request, 'enabled=true&fail_next=1&status_code=503')
  const id = await submitAsync(request, 'Open_me')
  await page.goto(`/history?request=${id}`)
  await page.getByRole('tab', { name: 'Attempts (2)' }).click()
  const sent = page.getByRole('region', { name: 'request of attempt 1' })
  await expect(sent).toBeHidden()
  await page.getByRole('dialog').getByText('Attempt 1', { exact: true }).click()
  await expect(sent).toContainText(
    /POST http.*\/api\/callbacks\/receive[^]*webhook-signature: v1,[^]*"type": "report.completed"/,
  )
  await expect(page.getByRole('region', { name: 'response to attempt 1' })).toContainText(
    /HTTP 503[^]*content-type/,
  )

  await page.getByRole('button', { name: 'Copy attempt 2 as curl, to the receiver' }).click()
  const command = await page.evaluate(() => navigator.clipboard.readText())
  // The signature is over the very bytes: the demo receiver would answer 401 to others.
  const answer = execFileSync('bash', ['-c', `${command} -s -o /dev/null -w '%{http_code}'`], {
    encoding: 'utf8',
  })
  expect(answer).toMatch(/200$/)
})

test('requests are cancelled from the drawer and from a selection, after asking', async ({
  page,
  request,
}) => {
  const generating = await submitAsync(request, 'Not_needed', 2_000)
  await submitAsync(request, 'Nor_this')
  await page.goto(`/history?request=${generating}`)
  const drawer = page.getByRole('dialog', { name: 'Not_needed' })
  await drawer.getByRole('button', { name: 'Cancel…' }).click()
  const asked = page.getByRole('dialog', { name: 'Cancel 1 request?' })
  await asked.getByLabel('Notify the receiver').check()
  await asked.getByRole('button', { name: 'Cancel request' }).click()
  await expect(drawer.getByText('Request cancelled')).toBeVisible()
  await expect(drawer.getByText('Callback acknowledged after 1 attempt')).toBeVisible()
  await expect(drawer.getByRole('button', { name: 'Redeliver' })).toBeDisabled()

  await submitAsync(request, 'Slow', 2_000)
  await submitAsync(request, 'Waiting')
  await page.goto('/history')
  await expect(page.getByTestId('rows').getByRole('row')).toHaveCount(4)
  await page.getByRole('checkbox', { name: 'Select all loaded requests' }).check()
  await page.getByRole('button', { name: 'Cancel 2…' }).click()
  await page.getByRole('button', { name: 'Cancel requests' }).click()
  await page.getByLabel('Status').selectOption('CANCELLED')
  await expect(page.getByTestId('rows').getByRole('row')).toHaveCount(3)
})

test('filters live in the address and survive a reload', async ({ page, request }) => {
  await submitAsync(request, 'Apples')
  await submitAsync(request, 'Pears')
  await page.goto('/history')
  await page.getByRole('searchbox', { name: 'Search' }).fill('appl')
  await expect(page).toHaveURL(/q=appl/)
  await page.getByLabel('Mode').selectOption('async')
  await expect(page.getByTestId('rows').getByRole('row')).toHaveCount(1)
  await page.reload()
  await expect(page.getByRole('searchbox', { name: 'Search' })).toHaveValue('appl')
  await expect(page.getByTestId('rows').getByRole('row')).toHaveCount(1)
  await expect(page.getByText('Apples')).toBeVisible()
})

test('a new request appears without a reload', async ({ page, request }) => {
  await page.goto('/history')
  await expect(page.getByText('No requests yet')).toBeVisible()
  await submitAsync(request, 'Out_of_the_blue')
  await expect(page.getByText('Out_of_the_blue')).toBeVisible()
  await expect(page.getByTestId('rows').getByText('Delivered')).toBeVisible()
})

test('a deletion can be taken back; after that it is real', async ({ page, request }) => {
  await submitAsync(request, 'Keep_me')
  await page.goto('/history')
  await expect(page.getByTestId('rows').getByText('Delivered')).toBeVisible()
  await page.getByLabel(/^Select request/).check()
  await page.getByRole('button', { name: 'Delete selected' }).click()
  await expect(page.getByText('Keep_me')).toBeHidden()
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(page.getByText('Keep_me')).toBeVisible()
  await submitAsync(request, 'Drop_me')
  await page.goto('/history?q=Drop_me')
  await page.getByRole('button', { name: 'Delete all that match…' }).click()
  await expect(page.getByRole('dialog')).toContainText('deletes 1 request that matches the filters')
  await page.getByRole('dialog').getByRole('button', { name: 'Delete all that match' }).click()
  await expect(page.getByText('Deleted 1 request.')).toBeVisible()
  await page.goto('/history')
  await expect(page.getByText('Keep_me')).toBeVisible()
  await expect(page.getByText('Drop_me')).toBeHidden()
  await page.getByRole('button', { name: 'Delete all…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete all' }).click()
  await expect(page.getByText('No requests yet')).toBeVisible()
})

test('the keyboard alone moves, opens and closes, and the focus comes back', async ({ page, request }) => {
  await submitAsync(request, 'First')
  const second = await submitAsync(request, 'Second')
  await page.goto('/history')
  await expect(page.getByText('Second')).toBeVisible()
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('k')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog')).toContainText(second)
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog')).toBeHidden()
  await expect(page.locator('[data-open="0"]')).toBeFocused()
  await page.keyboard.press('?')
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible()
})

test('a callback can be delivered again', async ({ page, request }) => {
  const id = await submitAsync(request, 'Again_please')
  await page.goto(`/history?request=${id}`)
  await expect(page.getByText('Callback acknowledged after 1 attempt')).toBeVisible()
  await page.getByRole('button', { name: 'Redeliver' }).click()
  await expect(page.getByText(/^Redelivered by hand at /)).toBeVisible()
  await expect(page.getByText('Redelivery acknowledged after 1 attempt')).toBeVisible()
  await expect(page.getByText(/before the retry/)).toBeHidden()
})

test('closing a request leaves no step behind, and Back undoes a filter', async ({ page, request }) => {
  await submitAsync(request, 'Step_by_step')
  await page.goto('/history')
  await page.getByLabel('Mode').selectOption('async')
  await page.getByTestId('rows').getByRole('link').first().click()
  await expect(page.getByRole('dialog')).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog')).toBeHidden()
  await expect(page).toHaveURL(/history\?mode=async$/)
  await page.goBack()
  await expect(page.getByRole('dialog')).toBeHidden()
  await expect(page).toHaveURL(/history$/)
})

test('j and k step through the requests in the drawer', async ({ page, request }) => {
  const first = await submitAsync(request, 'Older')
  const second = await submitAsync(request, 'Newer')
  await page.goto(`/history?request=${second}`)
  await expect(page.getByRole('dialog')).toContainText(second)
  await page.keyboard.press('j')
  await expect(page.getByRole('dialog')).toContainText(first)
  await page.keyboard.press('k')
  await expect(page.getByRole('dialog')).toContainText(second)
})

test('a search goes on by itself until there is nothing more to search', async ({ page }) => {
  // As the server does it: pages that hold nothing, but point at more.
  await page.route(/\/api\/requests\?.*q=/, async (route) => {
    const cursor = Number(new URL(route.request().url()).searchParams.get('cursor') ?? 0)
    await route.fulfill({ json: { requests: [], next_cursor: cursor < 3 ? String(cursor + 1) : null } })
    asked.push(cursor)
  })
  const asked: number[] = []
  await page.goto('/history?q=nowhere')
  await expect(page.getByText('No matches')).toBeVisible()
  expect(asked).toEqual([0, 1, 2, 3])
})

test('a selection is redelivered, and it is said how it went', async ({ page, request }) => {
  await submitAsync(request, 'Again_one')
  await submitAsync(request, 'Again_two')
  await page.goto('/history')
  await expect(page.getByTestId('rows').getByText('Delivered')).toHaveCount(2)
  await page.getByLabel('Select all loaded requests').check()
  await page.getByRole('button', { name: 'Redeliver 2' }).click()
  await expect(page.getByText('Redelivering 2 callbacks.')).toBeVisible()
})

test('all that match are counted, redelivered by the server, and watched until they have ended', async ({
  page,
  request,
}) => {
  for (const name of ['Match_one', 'Match_two', 'Match_three']) await submitAsync(request, name)
  await page.goto('/history?callback_status=SUCCESS')
  await expect(page.getByTestId('rows').getByText('Delivered').nth(2)).toBeVisible()
  await page.getByRole('button', { name: 'Redeliver all that match…' }).click()
  await expect(page.getByText(/\d+ finished callbacks will be sent again/)).toBeVisible()
  await page.getByRole('button', { name: /^Redeliver \d+$/ }).click()
  await expect(page.getByText(/^Redelivered (\d+) of \1$/)).toBeVisible({ timeout: 20_000 })
  await page.getByRole('button', { name: 'Hide' }).click()
  await expect(page.getByRole('button', { name: 'Redeliver all that match…' })).toBeVisible()
})

test('one search finds a name, an id, a URL and an idempotency key', async ({ page, request }) => {
  const id = await submitAsync(request, 'Needle')
  await submitAsync(request, 'Haystack')
  const payload = { report_name: 'Keyed', num_transactions: 1 }
  await request.post(`${url()}/api/sync`, { headers: { 'X-Idempotency-Key': 'key-of-mine' }, data: payload })
  await page.goto('/history')
  const rows = page.getByTestId('rows').getByRole('row')
  const box = page.getByRole('searchbox', { name: 'Search' })
  for (const [typed, found, count] of [
    ['needl', 'Needle', 1],
    [id, 'Needle', 1],
    ['key-of-mine', 'Keyed', 1],
    [`${url()}/api/callbacks`, 'Haystack', 2],
  ] as const) {
    await box.fill(typed)
    await expect(rows).toHaveCount(count)
    await expect(page.getByTestId('rows').getByText(found)).toBeVisible()
  }
})

test('days, errors and receivers narrow the list, and each state says how many it has', async ({
  page,
  request,
}) => {
  await misbehave(request, 'enabled=true&fail_next=1&status_code=400')
  await submitAsync(request, 'Refused')
  await submitAsync(request, 'Delivered_well')
  await page.goto('/history')
  const rows = page.getByTestId('rows').getByRole('row')
  await expect(page.getByLabel('Callback').locator('option')).toContainText([
    'Any',
    'Pending, retrying (0)',
    'Delivered (1)',
    'Undelivered (1)',
  ])
  await page.getByLabel('Last error').selectOption('Error status')
  await expect(rows).toHaveCount(1)
  await expect(page.getByTestId('rows').getByText('Refused')).toBeVisible()

  await page.getByRole('button', { name: 'Clear', exact: true }).click()
  await page.getByRole('button', { name: 'Today' }).click()
  await expect(page).toHaveURL(/from=\d{4}-\d\d-\d\d&to=/)
  await expect(rows).toHaveCount(2)
  await page.getByLabel('Accepted from').fill('2000-01-01')
  await page.getByLabel('to', { exact: true }).fill('2000-01-02')
  await expect(page.getByText('No matches')).toBeVisible()
  await page.goto(`/history?receiver=${encodeURIComponent(url())}`)
  await expect(rows).toHaveCount(2)
  await page.getByRole('button', { name: /Any receiver/ }).click()
  await expect(page).toHaveURL(/history$/)
})

test('the drawer explains where the time of a request went', async ({ page, request }) => {
  await misbehave(request, 'enabled=true&fail_next=1&status_code=503')
  const id = await submitAsync(request, 'Slow_because')
  await page.goto(`/history?request=${id}`)
  await page.getByText('Callback acknowledged after 2 attempts').waitFor()
  await page.getByRole('tab', { name: 'Where time went' }).click()
  const panel = page.getByRole('tabpanel')
  await expect(panel.getByText(/altogether/)).toBeVisible()
  await expect(panel.getByRole('listitem')).not.toHaveCount(0)
})

test('the list holds still while one reads, and says how many have arrived', async ({ page, request }) => {
  for (let number = 1; number <= 30; number += 1) await submitAsync(request, `Read_${number}`, 1)
  await page.setViewportSize({ width: 1280, height: 600 })
  await page.goto('/history')
  const rows = page.getByTestId('rows')
  await expect(rows.getByText('Read_30')).toBeVisible()
  await rows.evaluate((box) => box.scrollTo({ top: 440 }))
  await expect(rows.getByText('Read_30')).toBeHidden()
  const read = rows.getByText('Read_18')
  const before = await read.boundingBox()
  for (let number = 1; number <= 3; number += 1) await submitAsync(request, `Arrived_${number}`, 1)
  await expect(page.getByRole('button', { name: '3 new' })).toBeVisible()
  expect(await read.boundingBox()).toEqual(before)
  await page.getByRole('button', { name: '3 new' }).click()
  await expect(rows.getByText('Arrived_3')).toBeVisible()
  await expect(page.getByRole('button', { name: /^\d+ new$/ })).toBeHidden()
})
