import { expect, test } from 'vitest'
import { describeCallbacks, describeCounts } from './describeCounts'

test('names each state that there is some of', () => {
  const counts = { PENDING: 7, PROCESSING: 1, COMPLETED: 1_000, FAILED: 0, CANCELLED: 0, deleted: 2 }
  expect(describeCounts({ count: 1_010, counts })).toBe(
    '1,002 of 1,010 ended: 1,000 completed, 2 deleted, 1 generating, 7 queued',
  )
})

test('names the callbacks of the requests, where there are any', () => {
  const counts = { PENDING: 1, SUCCESS: 1_011, FAILED: 0, CANCELLED: 2 }
  expect(describeCallbacks({ callback_counts: counts })).toBe(
    'Callbacks of the requests: 1,011 delivered, 2 cancelled, 1 pending',
  )
  expect(describeCallbacks({ callback_counts: {} })).toBeNull()
})
