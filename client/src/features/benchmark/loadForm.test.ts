import { expect, test } from 'vitest'
import document from '@/api/openapi.json'
import type { Settings } from '@/api/types'
import { checkLoad, isSameForm, LIMITS, loadForm, presets, toLoadOrder, workNote } from './loadForm'

const form = loadForm.get()
const settings = {
  sync_max_transactions: 1_000,
  simulated_ms_per_transaction: 10,
  simulated_max_seconds: 10,
} as Settings

test('the bounds are those of the server', () => {
  const { requests, concurrency, num_transactions, rate_per_s } =
    document.components.schemas.BenchmarkRequest.properties
  const number = rate_per_s.anyOf.find((one) => 'minimum' in one)
  expect(LIMITS).toEqual({
    requests: [requests.minimum, requests.maximum],
    concurrency: [concurrency.minimum, concurrency.maximum],
    rows: [num_transactions.minimum, num_transactions.maximum],
    rate: [number?.minimum, number?.maximum],
  })
})

test('every preset may be sent as it is', () => {
  for (const preset of presets) expect(checkLoad(preset.form, settings)).toEqual({})
})

test.each([
  ['requests', '0'],
  ['requests', '5001'],
  ['concurrency', '1.5'],
  ['rows', ''],
  ['rate', '0'],
  ['rate', 'fast'],
])('%s of "%s" is refused before it is sent', (name, value) => {
  expect(Object.keys(checkLoad({ ...form, [name]: value }, settings))).toEqual([name])
})

test('a report that sync would refuse is refused, unless only async is measured', () => {
  const strict = { ...settings, sync_max_transactions: 40 }
  expect(checkLoad(form, strict).rows).toContain('from 1 to 40')
  expect(checkLoad({ ...form, mode: 'async' }, strict)).toEqual({})
})

test('an empty rate means that callers wait for their answers', () => {
  expect(toLoadOrder(form).rate_per_s).toBeNull()
  expect(toLoadOrder({ ...form, rate: '2.5' }).rate_per_s).toBe(2.5)
})

test('nobody is surprised by how long one worker takes', () => {
  const order = toLoadOrder(form)
  expect(workNote('both', order, settings)).toContain('20 reports and 10 for warm-up take at least 15.0 s')
  expect(workNote('both', { ...order, requests: 5_000 }, settings)).toContain('ends a run after 10 min')
  expect(workNote('both', order, { ...settings, simulated_ms_per_transaction: 0 })).toBe(
    'The server adds no simulated work.',
  )
})

test('at a fixed rate nothing is done before it was sent', () => {
  const steady = presets.find((preset) => preset.name === 'Steady')?.form ?? form
  const note = workNote('both', toLoadOrder(steady), settings)
  expect(note).toContain('at least 10.0 s')
  expect(note).toContain('Sending alone takes 10.0 s each way.')
})

test('it is seen which preset is chosen, and when it is none of them any more', () => {
  const [quick] = presets
  expect(quick && isSameForm(quick.form, form)).toBe(true)
  expect(quick && isSameForm(quick.form, { ...form, rows: '51' })).toBe(false)
})
