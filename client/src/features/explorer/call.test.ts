// @vitest-environment jsdom
import { expect, test } from 'vitest'
import document from '@/api/openapi.json'
import { asSample, missing, toCall } from './call'
import { operationsOf, type OpenApiDocument } from './openapi'

const operations = operationsOf(document as unknown as OpenApiDocument)
const find = (method: string, path: string) => {
  const found = operations.find((operation) => operation.method === method && operation.path === path)
  if (!found) throw new Error(`${method} ${path} is not in the document`)
  return found
}

test('parameters go where the document says', () => {
  const call = toCall(find('GET', '/api/requests'), { mode: 'sync', limit: '5' }, '', 'http://a')
  expect(call).toEqual({ method: 'GET', url: 'http://a/api/requests?limit=5&mode=sync', headers: {} })
  const one = toCall(find('GET', '/api/requests/{request_id}'), { request_id: 'a/b' }, '', 'http://a')
  expect(one.url).toBe('http://a/api/requests/a%2Fb')
})

test('a missing path parameter is named', () => {
  expect(missing(find('GET', '/api/requests/{request_id}'), {})).toEqual(['request_id'])
})

test('every operation with a body comes with an example', () => {
  expect(find('POST', '/api/sync').exampleBody).toContain('num_transactions')
  expect(find('POST', '/api/async').exampleBody).toContain('callback_url')
})

test('an operation names the scope that a key needs', () => {
  expect(find('POST', '/api/batch').scope).toBe('submit')
  expect(find('GET', '/api/me').scope).toBeNull()
})

test('a sample names a key where there is one, and its own credentials where there are some', () => {
  const call = { method: 'GET', url: 'http://a/api/requests', headers: { 'X-Request-ID': 'a' } }
  expect(asSample(call, false)).toEqual(call)
  expect(asSample(call, true).headers).toEqual({ 'X-Request-ID': 'a', Authorization: 'Bearer YOUR_KEY' })
})
