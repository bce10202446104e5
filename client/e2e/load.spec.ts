import type { APIRequestContext, Page } from '@playwright/test'
import { expect, test, url } from './fixtures'

type Runs = { runs: { run_id: string; status: string }[] }

/** One row is 5 ms of simulated work here: six requests and three to warm up keep the worker busy for half a second. */
async function fillIn(page: Page, fields: Record<string, string>): Promise<void> {
  for (const [label, value] of Object.entries(fields))
    await page.getByLabel(label, { exact: true }).fill(value)
}

/** What a test leaves under way would be in the way of the next one. */
test.afterEach(async ({ request }) => {
  const { runs } = (await (await request.get(`${url()}/api/benchmark/runs`)).json()) as Runs
  for (const run of runs) {
    if (run.status === 'RUNNING') await request.post(`${url()}/api/benchmark/runs/${run.run_id}/stop`)
  }
})

async function startRun(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Start run' }).click()
  await expect(page.getByTestId('live-run')).toBeVisible()
  return new URL(page.url()).searchParams.get('run') ?? ''
}

test('a run of both is watched live, read, compared and exported', async ({ page, request }) => {
  await page.goto('/tests')
  await page.getByRole('link', { name: 'Load' }).click()
  await expect(page.getByText(/async has one worker/)).toBeVisible()
  await fillIn(page, { Requests: '6', 'Concurrent callers': '3', 'Rows per report': '40' })

  const first = await startRun(page)
  await expect(page.getByRole('progressbar', { name: 'async: called back' })).toBeVisible()
  await expect(page.getByRole('img', { name: /^Throughput, last \d/ })).toBeVisible()
  await expect(page.getByRole('img', { name: /^Rolling percentiles, last p50 \d/ })).toBeVisible()
  await expect(page.getByRole('button', { name: 'Start run' })).toBeDisabled()

  await expect(page.getByTestId('side-sync')).toContainText('Client-blocked time')
  await expect(page.getByTestId('side-async')).toContainText('Total time')
  await expect(page.getByText(/All 6 accepted requests were called back/)).toBeVisible()
  await expect(page.getByRole('img', { name: /^Percentile curve\. At 99 %: Sync answers \d/ })).toBeVisible()
  await expect(page.getByRole('img', { name: /^Histogram of Async callbacks: 6 requests/ })).toBeVisible()
  await expect(page.getByRole('img', { name: /^Time to callback by when/ })).toBeVisible()

  const link = page
    .getByTestId('run')
    .first()
    .getByRole('link', { name: /Export CSV/ })
  const file = await request.get(url() + (await link.getAttribute('href')))
  expect(file.headers()['content-disposition']).toContain(`benchmark-${first}.csv`)
  expect(await file.text()).toContain('async,callbacks_received,6')

  await page.getByRole('radio', { name: 'Sync only', exact: true }).click()
  await page.getByRole('button', { name: 'Start run' }).click()
  await expect(page.getByText('Sync: 6 requests of 40 rows, 3 at a time', { exact: true })).toBeVisible()
  await expect(page.getByTestId('side-sync')).toBeVisible()
  await page.getByRole('checkbox').nth(0).check()
  await page.getByRole('checkbox').nth(1).check()
  await page.getByRole('button', { name: 'Compare the two runs' }).click()
  await expect(page).toHaveURL(new RegExp(`a=${first}&b=`))
  const rows = page.getByRole('region', { name: 'Compared: sync' }).getByRole('row')
  await expect(rows.filter({ hasText: 'Total time' })).toContainText(/better|worse|the same/)
  await expect(page.getByText('These runs used different settings')).toBeVisible()
})

async function beginElsewhere(request: APIRequestContext): Promise<string> {
  const data = { requests: 400, concurrency: 2, num_transactions: 100 }
  const begun = await request.post(`${url()}/api/benchmark/both?wait=false`, { data })
  expect(begun.status(), await begun.text()).toBe(202)
  return ((await begun.json()) as { run_id: string }).run_id
}

test('a run that was begun elsewhere is shown, survives a reload, is stopped by its button, and deleted', async ({
  page,
  request,
}) => {
  await page.goto('/tests?view=load')
  await expect(page.getByTestId('connection')).toHaveText('Live')
  const run = await beginElsewhere(request)
  const bar = page.getByRole('progressbar', { name: 'sync: answered', exact: true })
  await expect(bar).toBeVisible()
  await page.reload()
  await expect(page.getByTestId('live-run')).toContainText('400 requests of 100 rows, 2 at a time')
  await expect(bar).not.toHaveAttribute('aria-valuenow', '0')

  await page.getByRole('button', { name: 'Stop' }).click()
  await expect(page.getByText(/Stopped early:/)).toBeVisible()
  const row = page.getByTestId('run').filter({ has: page.locator(`a[href$="${run}"]`) })
  await row.getByRole('button', { name: /^Delete the run/ }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await expect(row).toHaveCount(0)
})

test('who starts a run while another one is under way is shown that one', async ({ page, request }) => {
  // A page that has not heard of it until the server refuses: it sees an empty list, and nobody tells it anything.
  let refused = false
  await page.routeWebSocket('**/api/ws', (socket) =>
    socket.send(JSON.stringify({ type: 'hello', seq: 1, at: '', data: { heartbeat_s: 60 } })),
  )
  await page.route('**/api/benchmark/runs', (route) =>
    refused ? route.continue() : route.fulfill({ json: { runs: [] } }),
  )
  await page.route('**/api/benchmark/both?*', (route) => {
    refused = true
    return route.continue()
  })
  const run = await beginElsewhere(request)
  await page.goto('/tests?view=load')
  await page.getByRole('button', { name: 'Start run' }).click()
  await expect(page.getByText('Another run is already in progress. Showing that one.')).toBeVisible()
  await expect(page).toHaveURL(new RegExp(`run=${run}`))
  await expect(page.getByTestId('live-run')).toContainText('400 requests of 100 rows')
})

test('what the server would refuse is said before it is sent', async ({ page }) => {
  await page.goto('/tests?view=load')
  await fillIn(page, { Requests: '5001', 'Requests per second': 'fast' })
  await expect(page.getByText('Enter a whole number from 1 to 5,000.')).toBeVisible()
  await expect(page.getByText('Enter a number from 0.1 to 2,000, or leave it empty.')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Start run' })).toBeDisabled()
})

test('a server without demo tools has no benchmarks to show', async ({ page }) => {
  await page.route('**/api/settings', async (route) => {
    const answer = await route.fetch()
    await route.fulfill({ json: { ...(await answer.json()), demo_tools: false } })
  })
  await page.goto('/tests?view=load')
  await expect(page.getByRole('button', { name: 'Run all' })).toBeVisible()
  await expect(page.getByRole('link', { name: 'Load' })).toHaveCount(0)
})
