import { expect, test } from 'vitest'
import { attempt } from '@/testing/factories'
import { describeAttempt, pausedBecause } from './lanes'

test('why a receiver is paused is said in words; what the server says otherwise is kept', () => {
  expect(pausedBecause('5 callbacks in a row used up their attempts. Probes so far: 2.')).toBe(
    'Paused after 5 failed callbacks in a row.',
  )
  expect(pausedBecause('The operator paused it.')).toBe('The operator paused it.')
})

test('the last error is an answer, or why there was none', () => {
  expect(describeAttempt(attempt(1, { success: false, status_code: 500 }))).toBe('answered 500')
  const silent = { success: false, status_code: null, error_code: 'connection_refused' }
  expect(describeAttempt(attempt(1, silent))).toBe('connection refused')
  expect(describeAttempt(attempt(1, { ...silent, error_message: 'Connection refused by a.b' }))).toBe(
    'Connection refused by a.b',
  )
})
