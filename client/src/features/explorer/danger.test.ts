// @vitest-environment jsdom
import { expect, test } from 'vitest'
import document from '@/api/openapi.json'
import { dangerOf, jsonProblem } from './danger'
import { operationsOf, type OpenApiDocument } from './openapi'

const operations = operationsOf(document as unknown as OpenApiDocument)

test('no operation deletes without asking first', () => {
  const silent = operations.filter((one) => one.method === 'DELETE' && dangerOf(one) === null)
  expect(silent.map((one) => one.path)).toEqual([])
  expect(operations.filter((one) => one.method === 'DELETE').length).toBeGreaterThan(2)
})

test('what makes the demo receiver fail for everyone asks, and looking at it does not', () => {
  const found = operations.filter((one) => one.path === '/api/callbacks/simulate-failures')
  expect(found.map((one) => [one.method, dangerOf(one) !== null])).toContainEqual(['POST', true])
  expect(found.map((one) => [one.method, dangerOf(one) !== null])).toContainEqual(['GET', false])
})

test('the button says what it does', () => {
  const all = operations.find((one) => one.method === 'DELETE' && one.path === '/api/requests')
  expect(all && dangerOf(all)?.button).toBe('Delete all requests')
})

test('a body that is not JSON is said to be none, and may be sent all the same', () => {
  const call = { method: 'POST', url: 'http://a' }
  expect(jsonProblem({ ...call, body: '{"a":' })).toContain('not valid JSON')
  expect(jsonProblem({ ...call, body: '{}' })).toBeNull()
  expect(jsonProblem(call)).toBeNull()
})
