import { expect, test } from 'vitest'
import { at, attempt, detail } from '@/testing/factories'
import { timelineOf, timelineText } from './timeline'

const generated = {
  status: 'COMPLETED',
  created_at: at(0),
  started_at: at(100),
  completed_at: at(600),
} as const
const failed = attempt(1, {
  success: false,
  status_code: 500,
  attempted_at: at(610),
  response_time_ms: 10,
  next_attempt_at: at(2_620),
})
const heard = (ms: number, answered: number) => ({
  received_at: at(ms),
  webhook_id: 'msg_1',
  signature_valid: true,
  signature_error: null,
  answered,
  body: {},
  headers: {},
  raw_body: '',
})

test('both sides tell one story, in the order of time', () => {
  const entries = timelineOf({
    detail: detail({
      ...generated,
      callback_status: 'SUCCESS',
      callback_attempts: 2,
      callback_finished_at: at(2_640),
    }),
    logs: [failed, attempt(2, { attempted_at: at(2_620) })],
    received: [heard(2_622, 200), heard(612, 500), { ...heard(700, 200), webhook_id: 'another' }],
  })
  expect(entries.map((entry) => entry.kind)).toEqual([
    'accepted',
    'started',
    'generated',
    'attempt-failed',
    'received',
    'attempt-ok',
    'received',
    'delivered',
  ])
})

test('the waits in between are measured from the end of what came before', () => {
  const entries = timelineOf({
    detail: detail({ ...generated, callback_status: 'SUCCESS', callback_attempts: 2 }),
    logs: [failed, attempt(2, { attempted_at: at(2_620) })],
    received: [],
  })
  expect(entries.filter((entry) => entry.waitedMs !== null).map((entry) => entry.waitedMs)).toEqual([
    100, 10, 2_000,
  ])
})

test('a retry to come is the last entry, with its time', () => {
  const entries = timelineOf({
    detail: detail({ ...generated, callback_attempts: 1, callback_next_attempt_at: at(2_620) }),
    logs: [failed],
    received: [],
  })
  expect(entries.at(-1)).toMatchObject({ kind: 'next', title: 'Attempt 2', at: Date.parse(at(2_620)) })
})

test('what has not ended says why', () => {
  const entries = timelineOf({
    detail: detail({ reason: 'Waits for its turn; 3 ahead of it.' }),
    logs: [],
    received: [],
  })
  expect(entries.at(-1)).toMatchObject({ kind: 'now', title: 'Waits for its turn; 3 ahead of it.' })
})

test('the story can be read as text', () => {
  const one = detail({ ...generated, report_name: 'Q1', callback_next_attempt_at: at(2_620) })
  const text = timelineText(one, timelineOf({ detail: one, logs: [failed], received: [] }), 'http://a/b')
  expect(text).toContain(`Q1 (async, 50 rows)\nRequest ${one.id}\nhttp://a/b\nCallback to http`)
  expect(text).toContain('Next attempt 2026-01-01T00:00:02.620Z')
  expect(text).toContain('Report generated (500 ms)')
  expect(text).toContain('Attempt 1: answered 500 (10 ms)')
})

const refused = attempt(1, { success: false, status_code: 400, attempted_at: at(610), response_time_ms: 10 })
const later = { callback_redelivered_at: at(336_000), callback_attempts: 2 }

test('a redelivery by hand is told as one, and the idle time before it is no wait', () => {
  const entries = timelineOf({
    detail: detail({ ...generated, ...later, callback_status: 'SUCCESS', callback_finished_at: at(336_030) }),
    logs: [refused, attempt(2, { attempted_at: at(336_020) })],
    received: [],
  })
  expect(entries.slice(3).map((one) => [one.kind, one.title.replace(/ at .*/, ''), one.waitedMs])).toEqual([
    ['attempt-failed', 'Attempt 1: answered 400', 10],
    ['given-up', 'Given up after 1 attempt', null],
    ['redelivered', 'Redelivered by hand', null],
    ['attempt-ok', 'Attempt 2: answered 200', 20],
    ['delivered', 'Redelivery acknowledged after 1 attempt', null],
  ])
  expect(entries[4]?.notes).toEqual([
    '400 is final: the receiver refused it. Fix the receiver, then redeliver.',
  ])
})

test('a redelivery that was not sent yet is told too, and an earlier one whose time is not kept', () => {
  const waiting = timelineOf({ detail: detail({ ...generated, ...later }), logs: [refused], received: [] })
  expect(waiting.at(-1)).toMatchObject({ kind: 'redelivered', at: Date.parse(at(336_000)) })
  const [second, third] = [attempt(2, { attempted_at: at(5_000) }), attempt(3, { attempted_at: at(336_020) })]
  const twice = timelineOf({
    detail: detail({ ...generated, ...later }),
    logs: [refused, second, third],
    received: [],
  })
  expect(twice.map((one) => one.kind).slice(3, 10)).toEqual([
    'attempt-failed',
    'given-up',
    'redelivered',
    'attempt-ok',
    'delivered',
    'redelivered',
    'attempt-ok',
  ])
})

test('a cancel ends the story of the report, or only that of its callback', () => {
  const stopped = detail({
    status: 'CANCELLED',
    created_at: at(0),
    started_at: at(100),
    completed_at: at(300),
  })
  const kinds = (of: typeof stopped) =>
    timelineOf({ detail: of, logs: [], received: [] }).map(({ kind, title }) => [kind, title])
  expect(kinds({ ...stopped, cancelled_at: at(300), callback_status: 'CANCELLED' }).slice(1)).toEqual([
    ['started', 'Generation started'],
    ['cancelled', 'Request cancelled'],
  ])
  const called_off = detail({ ...generated, callback_status: 'CANCELLED', cancelled_at: at(700) })
  expect(kinds(called_off).slice(2)).toEqual([
    ['generated', 'Report generated'],
    ['cancelled', 'Callback cancelled'],
  ])
})
