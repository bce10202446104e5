import { expect, test } from 'vitest'
import type { Health } from '@/api/types'
import { congestionOf, troublesOf } from './troubles'

const healthy: Health = {
  status: 'healthy',
  version: '0.1.0',
  python: '3.11',
  system: 'Linux',
  started_at: '2026-01-01T00:00:00Z',
  uptime_seconds: 1,
  database: { connected: true, writable: true, error: null, round_trip_ms: 1 },
  storage: { kind: 'folder', writable: true, free_bytes: 1, trouble: null },
  worker: { alive: true, leading: true, busy_with: null, heartbeat_age_ms: 1, trouble: null },
  queue: { waiting: 0, oldest_age_ms: null },
  callbacks: {
    due: 0,
    retrying: 0,
    in_flight: 0,
    lanes_waiting: 0,
    attempts_waiting: 0,
    lanes_in_trouble: 0,
    trouble: null,
    local_trouble: null,
  },
  tasks: [{ name: 'feed', state: 'running', since: '2026-01-01T00:00:00Z', restarts: 0, trouble: null }],
}

test('a healthy service has nothing to say', () => {
  expect(troublesOf(healthy)).toEqual([])
  expect(congestionOf(healthy)).toBeNull()
})

test('a task that is down is named, with how often it was restarted and why', () => {
  const tasks: Health['tasks'] = [
    {
      name: 'change notifier',
      state: 'down',
      since: '2026-01-01T00:00:00Z',
      restarts: 2,
      trouble: 'It failed (ValueError).',
    },
  ]

  expect(troublesOf({ ...healthy, tasks })).toEqual([
    'The task “change notifier” is down and being restarted (2 restarts). It failed (ValueError).',
  ])
})

test('each part that does not work is told, and the same words only once', () => {
  const away = 'The database is not responding.'
  const full = 'Reports cannot be stored: s3.example.com is full: make room there.'
  const troubles = troublesOf({
    ...healthy,
    database: { connected: false, writable: false, error: away, round_trip_ms: null },
    worker: { ...healthy.worker, trouble: away },
    storage: { kind: 's3', writable: false, free_bytes: null, trouble: full },
    callbacks: { ...healthy.callbacks, trouble: 'Attempts cannot be recorded.' },
  })

  expect(troubles).toEqual([away, full, 'Attempts cannot be recorded.'])
})

test('a database that can be read but not changed is told as that', () => {
  const database = { connected: true, writable: false, error: null, round_trip_ms: 1 }

  expect(troublesOf({ ...healthy, database })).toEqual(['The database rejects writes.'])
})

test('receivers that wait for their turn are counted', () => {
  const waiting = (lanes: number, attempts: number) =>
    congestionOf({
      ...healthy,
      callbacks: { ...healthy.callbacks, lanes_waiting: lanes, attempts_waiting: attempts },
    })

  expect(waiting(1, 9)).toBe('1 receiver is waiting for a turn to be called.')
  expect(waiting(0, 2)).toBe('2 attempts are waiting for a free connection.')
})
