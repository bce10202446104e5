import { expect, test } from './fixtures'

// The fixtures fail a test whose page asks another host, or has something refused.
for (const [path, sign] of [
  ['/docs', 'generate'],
  ['/redoc', 'Financial Report Generator'],
] as const) {
  test(`${path} shows the operations and loads nothing from elsewhere`, async ({ page }) => {
    await page.goto(path)
    await expect(page.getByText(sign, { exact: false }).first()).toBeVisible()
    await expect(page.getByText('/api/async', { exact: false }).first()).toBeVisible()
    await page.waitForLoadState('networkidle')
  })
}
