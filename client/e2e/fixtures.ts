import { AxeBuilder } from '@axe-core/playwright'
import { test as base, expect, type APIRequestContext, type Page } from '@playwright/test'

export const url = () => process.env.PAGE_URL ?? 'http://localhost:8000'

/** Every test fails when the page logs an error: a refused style or script shows up here first. */
export const test = base.extend<{ problems: string[] }>({
  // Known only once the server has started, so it cannot stand in the configuration.
  // oxlint-disable-next-line no-empty-pattern
  baseURL: async ({}, use) => use(url()),
  problems: [
    async ({ page }, use) => {
      const problems: string[] = []
      page.on('console', (message) => {
        const text = message.text()
        if (message.type() === 'error' && /Content Security Policy|Uncaught|React/.test(text))
          problems.push(text)
      })
      page.on('pageerror', (error) => problems.push(error.message))
      page.on('request', (request) => {
        const { hostname, protocol } = new URL(request.url())
        if (protocol.startsWith('http') && hostname !== 'localhost')
          problems.push(`a request went to ${hostname}`)
      })
      await use(problems)
      expect(problems).toEqual([])
    },
    { auto: true },
  ],
})

export { expect }

export async function submitAsync(request: APIRequestContext, name: string, rows = 5): Promise<string> {
  const answer = await request.post(`${url()}/api/async`, {
    data: {
      payload: { report_name: name, num_transactions: rows },
      callback_url: `${url()}/api/callbacks/receive`,
    },
  })
  expect(answer.status(), await answer.text()).toBe(202)
  return ((await answer.json()) as { request_id: string }).request_id
}

export async function deleteAll(request: APIRequestContext): Promise<void> {
  await request.delete(`${url()}/api/requests`)
}

export async function misbehave(request: APIRequestContext, query: string): Promise<void> {
  await request.post(`${url()}/api/callbacks/simulate-failures?${query}`)
}

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/**
 * Every rule in the light theme; in the dark one those about colours, as nothing else differs between them.
 * Without motion, so that no colour is measured while it changes.
 */
export async function expectNoAxeViolations(page: Page): Promise<void> {
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
  await expectNone(new AxeBuilder({ page }).withTags(TAGS))
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' })
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  await expectNone(new AxeBuilder({ page }).withRules(['color-contrast', 'link-in-text-block']))
}

async function expectNone(builder: AxeBuilder): Promise<void> {
  const { violations } = await builder.analyze()
  const found = violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary ?? ''}`).join(' | ')}`,
  )
  expect(found).toEqual([])
}
