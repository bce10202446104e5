// @vitest-environment jsdom
import { expect, test } from 'vitest'
import { ProblemError } from '@/api/client'
import { refusalOf } from './refusal'
import { noRuns, reduceRuns, type Run } from './runs'

const url = 'http://127.0.0.1:9121/fail'
const detail = 'The operator can allow its exact origin in CALLBACK_ALLOWED_ORIGINS.'

function refused(status: number, body: object): Run {
  const run = { key: 7, mode: 'async' as const, startedAt: 0, body: { callback_url: url } }
  const started = reduceRuns(noRuns, { type: 'started', run }).runs[0] as Run
  return { ...started, error: new ProblemError(new Response(null, { status }), body) }
}

test('a refused URL is told at its field, with the command that allows it', () => {
  expect(refusalOf(refused(422, { detail, rule: 'loopback' }), url)).toEqual({
    key: 7,
    reason: detail,
    command: 'make run CALLBACK_ALLOWED_ORIGINS=http://127.0.0.1:9121',
  })
})

test('a rule that nobody can lift comes without a command', () => {
  expect(refusalOf(refused(422, { detail: 'No user info.', rule: 'user-info' }), url)?.command).toBeNull()
})

test('another URL, another problem and no run at all are no refusal of this one', () => {
  expect(refusalOf(refused(422, { detail, rule: 'loopback' }), 'https://example.com/')).toBeNull()
  expect(refusalOf(refused(422, { detail: 'Too many rows.' }), url)).toBeNull()
  expect(refusalOf(refused(503, { detail, rule: 'loopback' }), url)).toBeNull()
  expect(refusalOf(null, url)).toBeNull()
})
