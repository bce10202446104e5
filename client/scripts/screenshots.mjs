// Makes docs/screenshots anew from a running server: `make run`, then `node scripts/screenshots.mjs [URL]`.
// CHROMIUM_PATH names the browser; without it the one that Playwright brought is used.
import { fileURLToPath } from 'node:url'
import { chromium } from '@playwright/test'

const url = process.argv[2] ?? 'http://localhost:8000'
const folder = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url))
const receiver = `${url}/api/callbacks/receive`

const post = (path, body) =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  })

async function submit(name, rows) {
  const payload = { report_name: name, num_transactions: rows }
  const answer = await post('/api/async', { payload, callback_url: receiver })
  return (await answer.json()).request_id
}

/** A callback that fails once, so that the timeline has a retry to tell of. */
async function withRetry() {
  await post('/api/callbacks/simulate-failures?enabled=true&fail_next=1&status_code=503')
  return submit('Quarterly_Report', 80)
}

const views = {
  async playground(page) {
    await page.goto(url)
    await page.getByLabel('Rows', { exact: true }).fill('200')
    await page.getByRole('button', { name: 'Race both' }).click()
    await page.getByText(/^With async the client is free/).waitFor({ timeout: 30_000 })
    await page.getByText('Totals by day').waitFor()
  },
  async timeline(page) {
    const id = await withRetry()
    await page.goto(`${url}/history?request=${id}`)
    await page.getByText('Callback acknowledged after 2 attempts').waitFor({ timeout: 30_000 })
  },
  async queue(page) {
    await page.goto(`${url}/queue`)
    for (let index = 1; index <= 6; index += 1) await submit(`Ledger_${index}`, 150)
    await page.getByTitle('Number 2 in the queue').waitFor()
  },
  async load(page) {
    await page.goto(`${url}/tests?view=load`)
    await page.getByRole('button', { name: 'Start run' }).click()
    await page.getByTestId('side-async').waitFor({ timeout: 120_000 })
  },
}

const { CHROMIUM_PATH: executablePath } = process.env
const browser = await chromium.launch({
  ...(executablePath && { executablePath }),
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
})
for (const [name, prepare] of Object.entries(views)) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' })
  await prepare(page)
  await page.waitForTimeout(1_000)
  await page.screenshot({ path: `${folder}${name}.png` })
  await page.close()
}
await browser.close()
