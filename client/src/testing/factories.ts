import type { ProgressLine } from '@/api/benchmarks'
import type { CallbackLog, RequestDetail, RequestItem } from '@/api/types'

let made = 0

/** A time so many milliseconds after the tests' beginning of time. */
export function at(ms: number): string {
  return new Date(Date.UTC(2026, 0, 1) + ms).toISOString()
}

/** Requests in the states that matter, so that a test says only what it is about. */
export function request(changes: Partial<RequestItem> = {}): RequestItem {
  made += 1
  const id = `00000000-0000-4000-8000-${String(made).padStart(12, '0')}`
  return {
    id,
    request_id: id,
    mode: 'async',
    status: 'PENDING',
    report_name: 'Monthly_Report',
    num_transactions: 50,
    queue_position: made,
    callback_url: 'http://localhost:8000/api/callbacks/receive',
    callback_status: 'PENDING',
    callback_attempts: 0,
    callback_next_attempt_at: null,
    failure_reason: null,
    created_at: at(made * 1_000),
    started_at: null,
    completed_at: null,
    ...changes,
  }
}

export function detail(changes: Partial<RequestDetail> = {}): RequestDetail {
  return {
    ...request(),
    input_payload: {},
    result_payload: null,
    idempotency_key: null,
    generation_attempts: 1,
    place_in_line: null,
    webhook_id: 'msg_1',
    callback_finished_at: null,
    reason: null,
    ...changes,
  }
}

export function attempt(number: number, changes: Partial<CallbackLog> = {}): CallbackLog {
  return {
    attempt_number: number,
    status_code: 200,
    success: true,
    error_code: null,
    error_message: null,
    response_excerpt: null,
    response_time_ms: 5,
    attempted_at: at(0),
    next_attempt_at: null,
    ...changes,
  }
}

export function progress(changes: Partial<ProgressLine> = {}): ProgressLine {
  return {
    mode: 'sync',
    phase: 'sending',
    elapsed_ms: 250,
    planned: 20,
    sent: 10,
    done: 10,
    successful: 10,
    failed: 0,
    throughput_per_s: 40,
    p50_ms: 10,
    p95_ms: 20,
    p99_ms: 30,
    callbacks_received: null,
    p50_callback_ms: null,
    ...changes,
  }
}
