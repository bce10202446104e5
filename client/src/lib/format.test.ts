import { describe, expect, test } from 'vitest'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatLatency,
  formatMoney,
  formatRate,
  formatRelative,
  secondsLeft,
} from './format'

describe('durations', () => {
  test.each([
    [0, '0 ms'],
    [0.4, '< 1 ms'],
    [6.4, '6 ms'],
    [999.4, '999 ms'],
    [999.6, '1.00 s'],
    [5_500, '5.50 s'],
    [9_994, '9.99 s'],
    [10_000, '10.0 s'],
    [61_500, '1 min 1 s'],
    [7_260_000, '2 h 1 min'],
  ])('%d ms reads %s', (ms, text) => expect(formatDuration(ms)).toBe(text))
})

test('money keeps every digit, however large', () => {
  expect(formatMoney('12345678901234567890.05', 'USD')).toBe('12,345,678,901,234,567,890.05 USD')
  expect(formatMoney('-1234.50', 'EUR')).toBe('-1,234.50 EUR')
  expect(formatMoney('1200', 'JPY')).toBe('1,200 JPY')
})

test('one is singular', () => {
  expect(formatCount(1, 'row')).toBe('1 row')
  expect(formatCount(1_234, 'row')).toBe('1,234 rows')
})

test('rates have separators, and no more digits than anyone reads', () => {
  expect([0.456, 69.23, 1_358.2].map(formatRate)).toEqual(['0.456 / s', '69.2 / s', '1,358 / s'])
})

test('bytes use binary units', () => expect(formatBytes(3_687)).toBe('3.6 KiB'))

test('relative times round to what one would say', () => {
  expect(formatRelative(0, 2_000)).toBe('just now')
  expect(formatRelative(0, 61_000)).toBe('1 minute ago')
  expect(formatRelative(0, 86_400_000 * 3)).toBe('3 days ago')
})

test('a countdown ends at zero and never before its time', () => {
  expect(secondsLeft(1_000, 1)).toBe(1)
  expect(secondsLeft(1_000, 1_000)).toBe(0)
  expect(secondsLeft(1_000, 5_000)).toBe(0)
})

test('latencies keep three digits, so that small ones can be told apart', () => {
  expect([0.734, 9.999, 12.14, 99.96, 512.4, 999.9, 12_340].map(formatLatency)).toEqual([
    '0.73 ms',
    '10.0 ms',
    '12.1 ms',
    '100 ms',
    '512 ms',
    '1.00 s',
    '12.3 s',
  ])
})
