import { expect, submitAsync, test } from './fixtures'

const SHIFT_MAX = 0.01
const views = ['/', '/queue', '/history', '/tests', '/tests?view=load', '/health', '/api-explorer']

/** Cumulative layout shift, as the browser counts it, from the first paint until nothing has come for a while. */
for (const [name, width] of [
  ['wide', 1280],
  ['a phone', 390],
] as const) {
  test(`nothing jumps while a view comes: ${name}`, async ({ page, request }) => {
    await page.setViewportSize({ width, height: 800 })
    for (let number = 1; number <= 5; number += 1) await submitAsync(request, `Standing_still_${number}`)
    await page.addInitScript(() => {
      const seen = { sum: 0, of: [] as string[] }
      Object.assign(globalThis, { shifts: seen })
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as (PerformanceEntry & {
          value: number
          hadRecentInput: boolean
          sources: { node: Element | null }[]
        })[]) {
          if (entry.hadRecentInput) continue
          seen.sum += entry.value
          for (const { node } of entry.sources) seen.of.push(node?.className ?? node?.nodeName ?? '?')
        }
      }).observe({ type: 'layout-shift', buffered: true })
    })
    const shifts: Record<string, { sum: number; of: string[] }> = {}
    for (const view of views) {
      await page.goto(view, { waitUntil: 'networkidle' })
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.evaluate(
        () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
      )
      const seen = await page.evaluate(
        () => (globalThis as unknown as { shifts: { sum: number; of: string[] } }).shifts,
      )
      if (seen.sum > SHIFT_MAX) shifts[view] = seen
    }
    expect(shifts).toEqual({})
  })
}

test('with forced colours the race has bars and what is chosen is marked', async ({ page }) => {
  await page.emulateMedia({ forcedColors: 'active' })
  await page.goto('/')
  await page.getByRole('button', { name: 'Race both' }).click()
  await expect(page.getByText(/^With async the client is free/)).toBeVisible()
  const marks = await page.locator('.mark').evaluateAll((all) =>
    all
      .filter((mark) => mark.getBoundingClientRect().width > 0)
      .map((mark) => getComputedStyle(mark))
      .map(({ outlineStyle, backgroundColor }) => ({ outlineStyle, backgroundColor })),
  )
  expect(marks.length).toBeGreaterThan(4)
  expect(marks.every(({ backgroundColor }) => backgroundColor !== '')).toBe(true)
  const chosen = page.getByRole('link', { name: 'Playground' }).first()
  await expect(chosen).toHaveCSS('outline-style', 'solid')
})

test('at 200 % and at 320 px nothing is cut off sideways', async ({ page }) => {
  // 200 % of a window of 1280 px is one of 640 px.
  for (const width of [640, 320]) {
    await page.setViewportSize({ width, height: 512 })
    for (const view of views) {
      await page.goto(view)
      await page.getByRole('heading', { level: 1 }).waitFor()
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      expect(over, `${view} at ${width} px`).toBeLessThanOrEqual(0)
    }
  }
})
