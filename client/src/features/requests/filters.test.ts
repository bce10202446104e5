import { expect, test } from 'vitest'
import { isFiltered, readFilters, readOpenRequest } from './filters'

test('known values are read, others are ignored', () => {
  expect(readFilters('?mode=async&status=NONSENSE&callback_status=FAILED&q=%20x%20')).toEqual({
    mode: 'async',
    status: undefined,
    callback_status: 'FAILED',
    q: 'x',
  })
})

test('an open request is no filter', () => {
  expect(isFiltered(readFilters('?request=a'))).toBe(false)
  expect(readOpenRequest('?request=a')).toBe('a')
})
