import { expect, test } from 'vitest'
import { bodyOf, type BatchForm } from './batchForm'

const form: BatchForm = {
  name: ' Month end ',
  count: 3,
  rows: 20,
  priority: 'low',
  callbacks: 'none',
  callbackUrl: 'http://localhost:8000/api/callbacks/receive',
}

test('so many reports, without a callback unless one is chosen', () => {
  const body = bodyOf(form)
  expect(body.name).toBe('Month end')
  expect(body.requests.map((one) => one.payload?.report_name)).toEqual(['Report_1', 'Report_2', 'Report_3'])
  expect(JSON.stringify(body)).not.toContain('callback_url')
  expect(body.callbacks).toBe('each')
})

test.each([
  ['each', 3, false],
  ['batch', 0, true],
  ['both', 3, true],
] as const)('callbacks: %s', (callbacks, ofRequests, ofBatch) => {
  const body = bodyOf({ ...form, callbacks })
  expect(body.callbacks).toBe(callbacks)
  expect(body.requests.filter((one) => one.callback_url === form.callbackUrl)).toHaveLength(ofRequests)
  expect(body.callback_url === form.callbackUrl).toBe(ofBatch)
})

test('a name of blanks is none', () => {
  expect(bodyOf({ ...form, name: '  ' })).not.toHaveProperty('name')
})
