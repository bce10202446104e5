import { expect, test } from 'vitest'
import { isFiltered, lastDays, readDays, readFilters, readOpenRequest } from './filters'

test('known values are read, others are ignored', () => {
  expect(
    readFilters(
      '?mode=async&status=NONSENSE&callback_status=FAILED&error_code=timeout&q=%20x%20&from=2026-02-30',
    ),
  ).toEqual({ mode: 'async', callback_status: 'FAILED', error_code: 'timeout', q: 'x' })
})

test('the requests of one batch, if it can be one', () => {
  const id = '0197c1e2-7a3b-7d10-8e42-5b6c7d8e9f01'
  expect(readFilters(`?batch_id=${id}`)).toEqual({ batch_id: id })
  expect(isFiltered(readFilters('?batch_id=any'))).toBe(false)
})

test('days are whole days of the reader, the last one included', () => {
  const { since, until } = readFilters('?from=2026-03-28&to=2026-03-29')
  expect(new Date(since ?? '')).toEqual(new Date(2026, 2, 28))
  expect(new Date(until ?? '')).toEqual(new Date(2026, 2, 30))
})

test('the last seven days begin six days ago, across months', () => {
  expect(lastDays(7, new Date(2026, 2, 3, 15))).toEqual({ from: '2026-02-25', to: '2026-03-03' })
  expect(readDays('?from=2026-02-25&to=soon')).toEqual({ from: '2026-02-25', to: null })
})

test('an open request is no filter', () => {
  expect(isFiltered(readFilters('?request=a'))).toBe(false)
  expect(readOpenRequest('?request=a')).toBe('a')
})
