import { expect, test } from 'vitest'
import { brokenRule, describePing } from './checkedUrl'

const ping = {
  status: 200,
  error_code: null,
  dns_ms: 3.2,
  connect_ms: 11.8,
  tls_ms: null,
  first_byte_ms: 40.6,
  certificate_expires_at: null,
}

test('a test message tells how it was answered and where its time went', () => {
  expect(describePing(ping)).toEqual({
    good: true,
    text: 'The receiver answered 200 (name lookup 3 ms, connection 12 ms, first byte 41 ms).',
  })
  expect(describePing({ ...ping, status: 500, error_code: 'bad_status' }).good).toBe(false)
  expect(
    describePing({
      ...ping,
      status: null,
      error_code: 'timeout',
      dns_ms: null,
      connect_ms: null,
      first_byte_ms: null,
    }),
  ).toEqual({ good: false, text: 'The receiver did not respond: timeout.' })
})

test('the rule that is broken is found, not those that were not looked at', () => {
  const rule = (name: string, passed: boolean | null) => ({ rule: name, passed, why: null, setting: null })
  const found = { allowed: false, canonical: null, receiver: null, ping: null }
  expect(brokenRule({ ...found, checks: [rule('a', true), rule('b', null), rule('c', false)] })?.rule).toBe(
    'c',
  )
  expect(brokenRule({ ...found, checks: [rule('a', true), rule('b', null)] })).toBeNull()
})
