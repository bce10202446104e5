import { expect, test } from 'vitest'
import type { Account } from '@/api/types'
import { summary } from '@/testing/factories'
import { describeAccount } from './account'

const account = summary().async?.account as Account

test('a complete account is one plain sentence', () => {
  expect(describeAccount(account)).toBe(
    'All 20 accepted requests were called back: none missing, duplicated or out of order.',
  )
  expect(describeAccount({ ...account, accepted: 2, delivered: 2 })).toContain('Both accepted requests')
})

test('what went wrong is told by the server', () => {
  const sentence = '1 of 20 is missing.'
  expect(describeAccount({ ...account, delivered: 19, missing: 1, complete: false, sentence })).toBe(sentence)
  expect(describeAccount({ ...account, duplicate: 1, sentence })).toBe(sentence)
})
