import { expect, test } from 'vitest'
import { attempt } from '@/testing/factories'
import { curlToReceiver, receivedText, sentText } from './exchange'

const sent = {
  url: 'https://receiver.example.com/hook?a=b',
  headers: { 'content-type': 'application/json', 'webhook-signature': 'v1,abc=' },
  body: '{"type":"report.completed","name":"it\'s"}',
}

test('what was sent shows its address, headers and a body that can be read', () => {
  expect(sentText(sent)).toBe(
    [
      'POST https://receiver.example.com/hook?a=b',
      'content-type: application/json',
      'webhook-signature: v1,abc=',
      '',
      '{',
      '  "type": "report.completed",',
      '  "name": "it\'s"',
      '}',
    ].join('\n'),
  )
})

test('the command sends the signed bytes, not the indented ones', () => {
  const command = curlToReceiver(sent)
  expect(command).toContain(`-d '{"type":"report.completed","name":"it'\\''s"}'`)
  expect(command).toContain("-H 'webhook-signature: v1,abc='")
  expect(command).toContain("'https://receiver.example.com/hook?a=b'")
})

test('a body that is not known any more cannot be sent again', () => {
  expect(curlToReceiver({ ...sent, body: null })).toBeNull()
  expect(sentText({ ...sent, body: null })).not.toContain('{')
})

test('what came back shows its status, headers and excerpt; no answer shows nothing', () => {
  const response = { headers: { 'retry-after': '1' }, excerpt: 'busy' }
  expect(receivedText(attempt(1, { status_code: 503, response }))).toBe('HTTP 503\nretry-after: 1\n\nbusy')
  expect(receivedText(attempt(1, { status_code: null }))).toBeNull()
})
