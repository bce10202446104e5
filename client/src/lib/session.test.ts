import { expect, test, vi } from 'vitest'
import { createSession, lackOf } from './session'

function tab(kept: Record<string, string> = {}) {
  const values = new Map(Object.entries(kept))
  const storage = {
    getItem: (name: string) => values.get(name) ?? null,
    setItem: (name: string, value: string) => void values.set(name, value),
    removeItem: (name: string) => void values.delete(name),
    clear: () => values.clear(),
  }
  const reload = vi.fn<(where: 'here' | 'start') => void>()
  /** The page as it is after it was loaded again. */
  const load = () => createSession({ storage, reload })
  return { values, reload, load, session: load() }
}

test('a key is kept in the tab, and a change of it loads the page anew', () => {
  const { session, load, reload } = tab({ 'resilience-results': 'of somebody else' })
  expect(session.state.get()).toEqual({ key: null, refusal: null })
  session.enter('frg_a')
  expect(reload).toHaveBeenLastCalledWith('here')
  expect(load().state.get()).toEqual({ key: 'frg_a', refusal: null })
})

test('signing out leaves nothing in the tab', () => {
  const { session, values, reload } = tab({ 'api-key': 'frg_a', 'resilience-results': 'mine' })
  session.leave()
  expect(values.size).toBe(0)
  expect(reload).toHaveBeenLastCalledWith('start')
})

test('a refused key goes, and the reason stays until another is entered', () => {
  const { session, values, load, reload } = tab({ 'api-key': 'frg_a', other: 'mine' })
  session.refuse('key-revoked', 'frg_a')
  session.refuse('key-expired', 'frg_a')
  expect(session.state.get()).toEqual({ key: null, refusal: 'key-revoked' })
  expect([...values.values()]).toEqual(['key-revoked'])
  expect(reload).toHaveBeenCalledTimes(1)
  load().enter('frg_b')
  expect(load().state.get()).toEqual({ key: 'frg_b', refusal: null })
})

test('where a key is asked for and there is none, nothing is loaded again', () => {
  const { session, reload } = tab()
  session.refuse('key-missing', null)
  expect(session.state.get()).toEqual({ key: null, refusal: 'key-missing' })
  expect(reload).not.toHaveBeenCalled()
})

test('the answer to an earlier key says nothing of the one there is now', () => {
  const { session } = tab({ 'api-key': 'frg_b' })
  session.refuse('key-revoked', 'frg_a')
  session.refuse('key-missing', null)
  expect(session.state.get()).toEqual({ key: 'frg_b', refusal: null })
})

test('a page that comes back from before a change of the key is stale', () => {
  const { session, load } = tab({ 'api-key': 'frg_a' })
  expect(session.isStale()).toBe(false)
  load().leave()
  expect(session.isStale()).toBe(true)
})

test('what a key lacks is named; without a key nothing is lacking', () => {
  expect(lackOf('manage', ['read', 'submit'])).toContain('scope manage')
  expect(lackOf('read', ['read'])).toBeNull()
  expect(lackOf(undefined, [])).toBeNull()
  expect(lackOf('admin', null)).toBeNull()
})
