import { expect, test } from 'vitest'
import { cameFrom, withSearch } from './router'

test('changes leave the other parameters alone', () => {
  expect(withSearch('?mode=sync&q=a', { q: null, status: 'FAILED' })).toBe('?mode=sync&status=FAILED')
  expect(withSearch('?q=a', { q: '' })).toBe('')
})

test('closing goes back only to where it was opened from', () => {
  expect(cameFrom({ from: '/history?q=a' }, '/history?q=a')).toBe(true)
  expect(cameFrom({ from: '/' }, '/history')).toBe(false)
  expect(cameFrom(null, '/history')).toBe(false)
})
