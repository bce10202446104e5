// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { session } from '@/lib/session'
import { send } from './client'

const type = (slug: string) => `urn:problem:financial-report-generator:${slug}`

function answering(status: number, body: object = {}) {
  const sent: Request[] = []
  vi.stubGlobal('fetch', (request: Request) => {
    sent.push(request)
    return Promise.resolve(new Response(JSON.stringify(body), { status }))
  })
  return sent
}

const call = (headers = {}) => send(new Request(new URL('/api/requests', location.origin), { headers }))

beforeEach(() => session.state.set({ key: null, refusal: null }))
afterEach(() => vi.unstubAllGlobals())

test('without a key nothing is sent; with one each call carries it, and never its address', async () => {
  const sent = answering(200)
  await call()
  session.state.set({ key: 'frg_a', refusal: null })
  await call()
  await call({ 'X-API-Key': 'another' })
  expect(sent.map(({ headers }) => headers.get('Authorization'))).toEqual([null, 'Bearer frg_a', null])
  expect(sent.filter(({ url }) => url.includes('frg_a'))).toEqual([])
})

test('a refusal of a call without a key is known to the page', async () => {
  answering(401, { type: type('key-missing') })
  expect((await call()).status).toBe(401)
  expect(session.state.get().refusal).toBe('key-missing')
})

test.each([
  [401, 'signature-refused', {}],
  [403, 'scope-missing', {}],
  [401, 'key-unknown', { Authorization: 'Bearer another' }],
])('%i %s is none of the key of the page', async (status, slug, headers) => {
  answering(status, { type: type(slug) })
  await call(headers)
  expect(session.state.get().refusal).toBeNull()
})
