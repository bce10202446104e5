import { expect, submitAsync, test } from './fixtures'

test('the queue shows who is generated and who waits, live, in order', async ({ page, request }) => {
  await page.goto('/queue')
  await expect(page.getByTestId('connection')).toHaveText('Live')
  for (let index = 0; index < 5; index += 1) await submitAsync(request, `Line_${index}`, 200)
  await expect(page.getByText('Generating', { exact: true })).toBeVisible()
  await expect(page.getByTitle('Number 1 in the queue')).toBeVisible()
  await expect(page.getByText('The queue is empty')).toBeVisible({ timeout: 20_000 })
})

test('the depth chart begins with what the server saw before the page was opened', async ({
  page,
  request,
}) => {
  type Depths = { samples: { waiting: number }[] }
  const depths = async () => (await (await request.get('/api/queue/depths')).json()) as Depths
  for (let index = 0; index < 6; index += 1) await submitAsync(request, `Before_${index}`, 200)
  const sawThemWait = async () => (await depths()).samples.some(({ waiting }) => waiting > 0)
  const isEmpty = async () => (await depths()).samples.at(-1)?.waiting === 0
  await expect.poll(sawThemWait, { timeout: 20_000 }).toBe(true)
  await expect.poll(isEmpty, { timeout: 30_000 }).toBe(true)

  await page.goto('/queue')

  await expect(page.getByText(/Waiting \(now 0, at most [1-9]\d*\)/)).toBeVisible()
})

test('the order of acceptance is the order of generation and delivery', async ({ page, request }) => {
  for (let index = 0; index < 5; index += 1) await submitAsync(request, `Proof_${index}`)
  await page.goto('/queue')
  await expect(page.getByText(/^0 inversions in \d+ requests$/)).toBeVisible()
  const newest =
    (await page.getByRole('list', { name: 'Accepted order' }).getByRole('link').last().textContent()) ?? ''
  await expect(page.getByRole('list', { name: 'Delivered order' }).getByRole('link').last()).toHaveText(
    newest,
  )
})
