import { RotateCw } from 'lucide-react'
import type { CallbackLog } from '@/api/types'
import { formatDuration } from '@/lib/format'
import { needsDemoReceiver, type Check, type CheckContext } from '../check'
import { follow, submit, withMisbehaviour, type Progress } from '../http'

const FAILURES = 2

export const callbackFailure: Check = {
  id: 'callback-failure',
  title: 'Failing callback',
  claim:
    'A receiver that fails twice gets the callback on the third attempt. The waits grow, and the report is never lost.',
  icon: RotateCw,
  unavailable: needsDemoReceiver,
  run: (context) =>
    withMisbehaviour({ enabled: true, fail_next: FAILURES, status_code: 500 }, context.signal, () =>
      watch(context),
    ),
}

async function watch({ settings, signal, step, show }: CheckContext): Promise<void> {
  const id = await submit(settings, 'Callback_failure_check')
  const tell = ({ detail, logs }: Progress) => {
    show({ kind: 'attempts', requestId: id, logs })
    step({
      label: 'Report',
      expected: 'COMPLETED, whatever happens to the callback',
      observed: detail.status,
      ok: detail.status === 'COMPLETED' ? true : null,
    })
  }
  const { detail, logs } = await follow(id, signal, tell)
  step({
    label: 'Attempts',
    expected: [...Array.from({ length: FAILURES }, () => '500'), '200'].join(', '),
    observed: logs.map((log) => log.status_code ?? log.error_code).join(', '),
    ok: logs.length === FAILURES + 1 && logs.at(-1)?.success === true,
  })
  const wanted = settings.retry_delays_s.slice(0, FAILURES)
  const waits = waitsBetween(logs)
  step({
    label: 'Waits',
    expected: `at least ${wanted.map((seconds) => `${seconds} s`).join(', ')}`,
    observed: waits.map(formatDuration).join(', '),
    ok: wanted.every((seconds, index) => (waits[index] ?? 0) >= seconds * 1_000 - 50),
  })
  step({
    label: 'End',
    expected: 'SUCCESS',
    observed: detail.callback_status ?? 'none',
    ok: detail.callback_status === 'SUCCESS',
  })
}

/** From the end of one attempt to the beginning of the next. */
function waitsBetween(logs: CallbackLog[]): number[] {
  return logs.slice(1).map((log, index) => {
    const before = logs[index]
    if (!before) return 0
    return Date.parse(log.attempted_at) - Date.parse(before.attempted_at) - before.response_time_ms
  })
}
