import { api, ProblemError, send, unwrap } from '@/api/client'
import { isFinal, readQueue } from '@/api/queries'
import type { CallbackLog, RequestDetail, Settings } from '@/api/types'

const ASK_AGAIN_MS = 400

export type Answer = { status: number; headers: Headers; body: Record<string, unknown> }

/** A POST whose refusal is a result, not an exception. */
export async function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await send(
    new Request(new URL(path, location.origin), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    }),
  )
  const parsed: unknown = await response.json().catch(() => ({}))
  return { status: response.status, headers: response.headers, body: parsed as Record<string, unknown> }
}

/** Submit a small report whose callback goes to the demo receiver. */
export async function submit(settings: Settings, name: string): Promise<string> {
  const payload = { num_transactions: 5, report_name: name }
  const answer = await post('/api/async', { payload, callback_url: settings.demo_receiver_url })
  if (answer.status !== 202) throw problemOf(answer)
  return String(answer.body.request_id)
}

export function problemOf(answer: Answer): ProblemError {
  return new ProblemError(new Response(null, { status: answer.status, headers: answer.headers }), answer.body)
}

export type Progress = { detail: RequestDetail; logs: CallbackLog[] }

/** Follow a request until `done`, telling each state on the way. */
export async function follow(
  id: string,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
  done: (progress: Progress) => boolean = ({ detail }) => isFinal(detail),
): Promise<Progress> {
  const path = { request_id: id }
  for (;;) {
    const detail = await unwrap(api.GET('/api/requests/{request_id}', { params: { path }, signal }))
    const { logs } = await unwrap(
      api.GET('/api/requests/{request_id}/callback-logs', { params: { path }, signal }),
    )
    const progress = { detail, logs }
    onProgress(progress)
    if (done(progress)) return progress
    await pause(ASK_AGAIN_MS, signal)
  }
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}

type Misbehaviour = { enabled: boolean; fail_next?: number; status_code?: number; hang?: boolean }

export function simulate(query: Misbehaviour) {
  return unwrap(api.POST('/api/callbacks/simulate-failures', { params: { query } }))
}

/** Another callback on its way to the demo receiver would use up the failures that are meant for ours. */
const QUIET_WITHIN_MS = 20_000

async function quiet(signal: AbortSignal): Promise<void> {
  const until = Date.now() + QUIET_WITHIN_MS
  while (Date.now() < until) {
    const queue = await readQueue(signal)
    if (queue.waiting === 0 && !queue.processing && queue.lanes.length === 0) return
    await pause(ASK_AGAIN_MS, signal)
  }
}

/** Make the demo receiver misbehave for as long as `work` takes, and well again whatever happens. */
export async function withMisbehaviour(
  misbehaviour: Misbehaviour,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  await quiet(signal)
  await simulate(misbehaviour)
  try {
    await work()
  } finally {
    await simulate({ enabled: false })
  }
}
