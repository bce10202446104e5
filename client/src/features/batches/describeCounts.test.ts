import { expect, test } from 'vitest'
import { describeCounts } from './describeCounts'

test('names each state that there is some of', () => {
  const counts = { PENDING: 7, PROCESSING: 1, COMPLETED: 1_000, FAILED: 0, CANCELLED: 0, deleted: 2 }
  expect(describeCounts({ count: 1_010, counts })).toBe(
    '1,002 of 1,010 ended: 1,000 completed, 2 deleted, 1 generating, 7 queued',
  )
})
