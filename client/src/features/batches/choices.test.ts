import { expect, test } from 'vitest'
import { choicesOf } from './choices'

const at = '2026-11-28T10:00:00Z'

test.each([
  ['a batch under way', 'PROCESSING', null, null, ['cancel']],
  ['a batch under way with a callback', 'PENDING', null, 'PENDING', ['cancel']],
  ['a batch that was cancelled, and is told of', 'CANCELLED', null, 'PENDING', []],
  ['a batch that has ended', 'COMPLETED', at, null, ['delete']],
  ['one whose callback is owed', 'COMPLETED', at, 'PENDING', ['cancel', 'delete']],
  ['one whose callback was delivered', 'COMPLETED', at, 'SUCCESS', ['redeliver', 'delete']],
  ['one whose callback was given up', 'COMPLETED', at, 'FAILED', ['redeliver', 'delete']],
  ['one whose callback alone was cancelled', 'COMPLETED', at, 'CANCELLED', ['redeliver', 'delete']],
  ['a batch that was cancelled', 'CANCELLED', at, 'CANCELLED', ['delete']],
  ['one that was told of its cancellation', 'CANCELLED', at, 'SUCCESS', ['redeliver', 'delete']],
] as const)('%s', (_, status, completed_at, callback_status, choices) => {
  expect(choicesOf({ status, completed_at, callback_status })).toEqual(choices)
})
