import type { ProgressLine } from '@/api/benchmarks'
import type {
  AsyncSide,
  BenchmarkSummary,
  CallbackLog,
  RequestDetail,
  RequestItem,
  SyncSide,
} from '@/api/types'

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
    priority: 'normal',
    batch_id: null,
    callback_url: 'http://localhost:8000/api/callbacks/receive',
    callback_status: 'PENDING',
    callback_attempts: 0,
    callback_next_attempt_at: null,
    failure_reason: null,
    created_at: at(made * 1_000),
    started_at: null,
    completed_at: null,
    cancelled_at: null,
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
    callback_redelivered_at: null,
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
    request: null,
    response: null,
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

type SummaryChanges = {
  sync?: Partial<SyncSide>
  async?: Partial<AsyncSide>
  interrupted?: boolean
}

const SIDE = {
  total_requests: 20,
  successful: 20,
  failed: 0,
  avg_latency_ms: 285,
  min_latency_ms: 280,
  max_latency_ms: 300,
  p50_ms: 285,
  p90_ms: 295,
  p95_ms: 300,
  p99_ms: 300,
  p999_ms: 300,
  throughput_per_s: 69,
  duration_ms: 290,
  client_blocked_ms: 5_700,
  failures_by_kind: {},
  latency: { percentile_curve: [], histogram: [] },
  timeline: [],
} satisfies Omit<SyncSide, 'mode'>

const SPREAD = {
  min_ms: 280,
  avg_ms: 2_700,
  p50_ms: 2_600,
  p95_ms: 4_900,
  p99_ms: 5_200,
  max_ms: 5_200,
  count: 20,
}

/** What a run of both modes measures: sync is done sooner, async keeps nobody waiting. */
export function summary(changes: SummaryChanges = {}): BenchmarkSummary {
  return {
    sync: { ...SIDE, mode: 'sync', ...changes.sync },
    async: {
      ...SIDE,
      mode: 'async',
      p95_ms: 20,
      duration_ms: 5_200,
      client_blocked_ms: 370,
      callbacks_received: 20,
      callbacks_missing: 0,
      callbacks_duplicate: 0,
      callbacks_out_of_order: 0,
      avg_callback_ms: 2_700,
      p50_callback_ms: 2_600,
      p95_callback_ms: 4_900,
      p99_callback_ms: 5_200,
      acknowledged_per_s: 1_000,
      acknowledge: SPREAD,
      waiting: SPREAD,
      generating: SPREAD,
      callback: SPREAD,
      callback_curve: {
        percentile_curve: [
          [50, 2_600],
          [90, 4_700],
          [100, 5_200],
        ],
        histogram: [],
      },
      scatter: [],
      receivers: [],
      account: {
        accepted: 20,
        delivered: 20,
        missing: 0,
        duplicate: 0,
        out_of_order: 0,
        bad_signatures: 0,
        by_state: { 'COMPLETED/SUCCESS': 20 },
        missing_ids: [],
        duplicate_ids: [],
        out_of_order_ids: [],
        bad_signature_ids: [],
        unexpected: 0,
        unexpected_ids: [],
        complete: true,
        sentence: 'The account is complete.',
      },
      ...changes.async,
    },
    config: {},
    test_duration_ms: 9_000,
    interrupted: changes.interrupted ?? false,
    started_at: at(0),
    generator: {
      cpu_percent: 2,
      without_cpu_percent: 0,
      limited: false,
      sentence: 'The generator was not the limit.',
      lag_p50_ms: 0.1,
      lag_p99_ms: 0.4,
      late_p50_ms: null,
      late_p99_ms: null,
      held_up: 0,
    },
    thresholds: [],
  }
}
