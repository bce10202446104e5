// @vitest-environment jsdom
import { expect, test } from 'vitest'
import { ProblemError, UnreachableError } from '@/api/client'
import { faultOf, sentenceFor, whyNot } from './refusals'

function refused(status: number, slug: string): ProblemError {
  const type = `urn:problem:financial-report-generator:${slug}`
  return new ProblemError(new Response(null, { status }), { type, title: 'T', detail: 'D' })
}

test.each([
  ['key-unknown', 'does not know'],
  ['key-expired', 'has expired'],
  ['key-revoked', 'revoked'],
  ['key-malformed', '62 characters'],
  ['key-of-a-newer-server', 'does not accept'],
])('%s is told as a sentence', (slug, words) => {
  expect(whyNot(refused(401, slug))).toContain(words)
  expect(sentenceFor(slug)).toContain(words)
})

test('what is not about the key is told as what it is', () => {
  expect(whyNot(refused(429, 'rate-limited'))).toBe('429 T. D')
  expect(whyNot(new UnreachableError())).toContain('not responding')
})

test('what cannot be a key is told before it is sent; a token has any length', () => {
  expect(faultOf(`frg_${'a'.repeat(58)}`)).toBeNull()
  expect(faultOf(`frg_${'a'.repeat(57)}`)).toContain('this has 61')
  expect(faultOf('frg_a b')).toContain('no spaces')
  expect(faultOf('eyJhbGciOiJFUzI1NiJ9.e30.c2ln')).toBeNull()
})
