import { expect, test, vi } from 'vitest'
import { createLazyPart } from './lazyPart'
import { createStore } from './store'

const world = (lostAt: number | null) => ({
  contact: createStore(lostAt),
  reload: vi.fn<() => void>(),
  pause: () => Promise.resolve(),
})

test('what was clicked while the server was away is imported again once it is back', async () => {
  const { contact, reload, pause } = world(1)
  const importIt = vi.fn<() => Promise<string>>().mockRejectedValueOnce(new TypeError('Failed to fetch'))
  importIt.mockResolvedValue('view')
  const part = createLazyPart(importIt, { contact, reload, pause })
  await part.load()
  expect(part.state.get().status).toBe('failed')
  contact.set(null)
  await part.load()
  expect(part.state.get()).toMatchObject({ status: 'ready', value: 'view' })
  expect(importIt).toHaveBeenCalledTimes(2)
  expect(reload).not.toHaveBeenCalled()
})

test('every retry is a new import, not the answer of the first one', async () => {
  const { contact, reload, pause } = world(1)
  const importIt = vi.fn<() => Promise<string>>().mockRejectedValue(new TypeError('Failed to fetch'))
  const part = createLazyPart(importIt, { contact, reload, pause })
  for (let retry = 0; retry < 3; retry += 1) await part.load()
  expect(importIt).toHaveBeenCalledTimes(3)
  expect(reload).not.toHaveBeenCalled()
})

test('a file that is gone although the server is there makes the page load anew', async () => {
  const { contact, reload, pause } = world(null)
  const part = createLazyPart(() => Promise.reject(new TypeError('404')), { contact, reload, pause })
  await part.load()
  expect(reload).not.toHaveBeenCalled()
  await vi.waitFor(() => expect(reload).toHaveBeenCalledTimes(1))
})

test('two who ask at once are one import, and what is there is not asked for again', async () => {
  const { contact, reload, pause } = world(null)
  const importIt = vi.fn<() => Promise<string>>().mockResolvedValue('view')
  const part = createLazyPart(importIt, { contact, reload, pause })
  await Promise.all([part.load(), part.load()])
  await part.load()
  expect(importIt).toHaveBeenCalledTimes(1)
})
