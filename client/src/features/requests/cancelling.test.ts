import { expect, test } from 'vitest'
import { request } from '@/testing/factories'
import { cancellable, describeCancel, describeCancelled, stopsOf } from './cancelling'

const states = (status: 'PENDING' | 'PROCESSING' | 'COMPLETED' | 'FAILED' | 'CANCELLED') =>
  ([null, 'PENDING', 'SUCCESS', 'FAILED', 'CANCELLED'] as const).map((callback_status) =>
    stopsOf(request({ status, callback_status })),
  )

test('a report that has not ended is stopped, else a callback that is owed, and nothing twice', () => {
  expect(new Set([...states('PENDING'), ...states('PROCESSING')])).toEqual(new Set(['report']))
  expect(states('COMPLETED')).toEqual([null, 'callback', null, null, null])
  expect(states('FAILED')).toEqual([null, 'callback', null, null, null])
  expect(states('CANCELLED')).toEqual([null, null, null, null, null])
})

test('what a cancel will do is said before, for reports and callbacks', () => {
  const waiting = request({ id: 'a', status: 'PENDING', callback_status: 'PENDING' })
  const owed = request({ id: 'b', status: 'COMPLETED', callback_status: 'PENDING' })
  const done = request({ id: 'c', status: 'COMPLETED', callback_status: 'SUCCESS' })
  expect(cancellable([waiting, owed, done])).toEqual([waiting, owed])
  expect(describeCancel([waiting])).toBe('1 report will not be generated.')
  expect(describeCancel([waiting, owed])).toBe(
    '1 report will not be generated. 1 callback will not be sent any more; the report stays.',
  )
})

test('what could not be cancelled is told with its reason', () => {
  expect(describeCancelled({ done: 2, failures: [], left: 0 })).toBe('Cancelled 2 requests.')
  expect(describeCancelled({ done: 1, failures: [new Error('It has ended.')], left: 0 })).toBe(
    'Cancelled 1 request. 1 request could not be cancelled: It has ended.',
  )
})
