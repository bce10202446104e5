import { expect, test } from 'vitest'
import { withSearch } from './router'

test('changes leave the other parameters alone', () => {
  expect(withSearch('?mode=sync&q=a', { q: null, status: 'FAILED' })).toBe('?mode=sync&status=FAILED')
  expect(withSearch('?q=a', { q: '' })).toBe('')
})
