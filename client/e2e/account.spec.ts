import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { generateKey } from './apiKeys'
import { expect, expectNoAxeViolations, test } from './fixtures'
import { freePort, startServer } from './server'

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByPlaceholder('frg_…').fill(key)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

test('where keys are required: sign in, make, rotate and revoke keys, see what a key lacks, be signed out', async ({
  page,
}) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'account-e2e-'))
  const operators = generateKey()
  const required = { AUTH_REQUIRED: 'true', BOOTSTRAP_ADMIN_KEY: operators }
  const server = await startServer(dataDir, await freePort(), required)
  const refused: string[] = []
  const addresses: string[] = []
  page.on('response', (response) => {
    if (response.status() === 401) refused.push(response.url())
  })
  page.on('request', (sent) => addresses.push(sent.url()))
  page.on('websocket', (socket) => addresses.push(socket.url()))
  const row = (name: string, state: string) =>
    page.getByTestId('api-key').filter({ hasText: name }).filter({ hasText: state })
  try {
    await page.goto(`${server.url}/history`)
    await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible()
    await expect(page.getByText('src.manage keys create')).toBeVisible()
    expect(refused.length).toBeLessThan(8)
    await signIn(page, operators.slice(0, -1))
    await expect(page.getByText('A key has 62 characters; this has 61.')).toBeVisible()
    await signIn(page, generateKey())
    await expect(page.getByText('The server does not know this key.')).toBeVisible()
    await signIn(page, operators)
    await expect(page.getByRole('heading', { level: 1, name: 'History' })).toBeVisible()
    await expect(page.getByTestId('connection')).toHaveText('Live')

    await page.getByRole('link', { name: 'Account operator' }).click()
    await expect(page.getByText('No keys yet')).toBeVisible()
    await page.getByRole('button', { name: 'Create key…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('ci')
    await dialog.getByLabel(/^submit submit/).check()
    await dialog.getByLabel(/^read/).check()
    await dialog.getByRole('button', { name: 'Create key' }).click()
    await expect(dialog.locator('pre')).toHaveText(/^frg_\w{58}$/)
    await page.keyboard.press('Escape')
    await expect(dialog.getByText('it is shown this once')).toBeVisible()
    await expectNoAxeViolations(page)
    await dialog.getByRole('button', { name: 'I have copied it' }).click()
    await expect(page.locator('main')).not.toContainText('frg_')

    await row('ci', 'Good').getByRole('button', { name: 'Rotate…' }).click()
    await dialog.getByRole('button', { name: 'Rotate key' }).click()
    const successor = (await dialog.locator('pre').textContent()) ?? ''
    await dialog.getByRole('button', { name: 'I have copied it' }).click()
    await expect(row('ci', 'Good')).toHaveCount(1)
    await row('ci', 'Replaced').getByRole('button', { name: 'Revoke…' }).click()
    await dialog.getByRole('button', { name: 'Revoke key' }).click()
    await expect(row('ci', 'Revoked')).toHaveCount(1)

    const secrets = page.getByTestId('webhook-secret')
    await expect(secrets).toHaveText(/whsec_•+/)
    await secrets.getByRole('button', { name: 'Show' }).click()
    await expect(secrets).toHaveText(/whsec_[A-Za-z0-9+/=]+/)
    await page.getByRole('button', { name: 'Rotate secret…' }).click()
    await dialog.getByRole('button', { name: 'Rotate secret' }).click()
    await expect(secrets).toHaveCount(2)
    await expectNoAxeViolations(page)

    await page.getByRole('button', { name: 'Sign out' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible()
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
    await signIn(page, successor)
    await page.getByLabel('Rows', { exact: true }).fill('3')
    await page.getByRole('button', { name: 'Race both' }).click()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download CSV' }).click()
    expect((await download).suggestedFilename()).toMatch(/\.csv$/)
    await page.getByRole('link', { name: 'History' }).first().click()
    const deleteAll = page.getByRole('button', { name: 'Delete all…' })
    await expect(deleteAll).toBeDisabled()
    await expect(deleteAll).toHaveAttribute('title', 'This needs the scope manage, which your key lacks.')
    await page.getByRole('link', { name: 'Health' }).first().click()
    await expect(page.getByRole('alert')).toContainText('Your key lacks the scope admin')

    // The live connection ends with the key, and the page says why before anybody clicks.
    const id = successor.slice(4, 12)
    const headers = { Authorization: `Bearer ${operators}` }
    await fetch(`${server.url}/api/keys/${id}`, { method: 'DELETE', headers })
    await expect(page.getByRole('alert')).toContainText('The key was revoked')
    await expect(page.getByRole('navigation')).toHaveCount(0)
    await page.getByRole('button', { name: 'Go on without a key' }).click()
    await expect(page.getByRole('alert')).toHaveCount(0)
    expect(addresses.filter((url) => url.includes('frg_'))).toEqual([])
    expect(addresses.filter((url) => url.includes('/api/ws?ticket=')).length).toBeGreaterThan(1)
  } finally {
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
})

test('in the open mode nothing of it is in the way, and a place for a key is there', async ({ page }) => {
  const asked: string[] = []
  page.on('request', (sent) => asked.push(new URL(sent.url()).pathname))
  await page.goto('/')
  await expect(page.getByTestId('connection')).toHaveText('Live')
  await expect(page.getByRole('button', { name: 'Race both' })).toBeEnabled()
  await expect(page.getByText(/sign in/i)).toHaveCount(0)
  expect(asked.filter((path) => ['/api/me', '/api/ws/tickets', '/api/keys'].includes(path))).toEqual([])
  await page.getByRole('link', { name: 'Sign in with an API key' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Account' })).toBeVisible()
  await expect(page.getByPlaceholder('frg_…')).toBeVisible()
})
