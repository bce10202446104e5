import { expect, test } from 'vitest'
import { describeCount } from './describeCount'

test('a complete list counts itself, whatever was counted before', () => {
  expect(describeCount(1, true, null, { total: 7, exact: true })).toBe('1 request')
})

test('a longer list says how many there are and how many are loaded', () => {
  expect(describeCount(200, false, null, { total: 10_000, exact: true })).toBe('10,000 requests, 200 loaded')
  expect(describeCount(200, false, null, { total: 10_000, exact: false })).toBe(
    'More than 10,000 requests, 200 loaded',
  )
})

test('without a count it says what was read', () => {
  expect(describeCount(200, false, null, undefined)).toBe('First 200 requests; scroll for more')
  expect(describeCount(3, false, 20_000, { total: 3, exact: false })).toBe(
    '3 requests so far, searched 20,000',
  )
})
