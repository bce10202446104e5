// @vitest-environment jsdom
import { expect, test } from 'vitest'
import { idle, type CheckState } from './check'
import { keepResults, keptResults, scorecard } from './scorecard'

const checks = [
  { id: 'a', title: 'Idempotency', claim: 'Once.' },
  { id: 'b', title: 'Signature', claim: 'Signed.' },
]
const steps = [{ label: 'First use', expected: '202', observed: '202, new', ok: true }]
const passed: CheckState = { ...idle, status: 'held', steps }
const message = { id: 'msg', timestamp: '1', signature: 'v1,x', body: '', secret: 'whsec_secret' }

test('a colleague can read what was claimed, expected and observed', () => {
  const text = scorecard(checks, { a: passed, b: { ...idle, status: 'broken' } }, 'http://a', new Date(0))
  expect(text).toContain('Resilience tests of http://a, 1970-01-01T00:00:00.000Z: 1 of 2 passed')
  expect(text).toContain(
    'Idempotency: PASSED\n  Once.\n  [ok] First use\n       expected 202\n       observed 202, new',
  )
  expect(text).toContain('Signature: FAILED')
})

test('results survive a reload, the signing secret does not', () => {
  keepResults({
    a: { ...passed, evidence: { kind: 'signature', message } },
    b: { ...idle, status: 'running' },
  })
  expect(keptResults()).toEqual({ a: passed })
  expect(JSON.stringify({ ...sessionStorage })).not.toContain('whsec_secret')
})

test('what cannot be read is no result', () => {
  sessionStorage.setItem('resilience-results', '{')
  expect(keptResults()).toEqual({})
})
