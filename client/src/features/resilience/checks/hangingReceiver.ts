import { Hourglass } from 'lucide-react'
import { formatDuration } from '@/lib/format'
import { needsDemoReceiver, type Check, type CheckContext } from '../check'
import { follow, post, problemOf, simulate, submit, withMisbehaviour, type Progress } from '../http'

/** How much later than the deadline an attempt may end on a busy machine. */
const SLACK_MS = 2_000

export const hangingReceiver: Check = {
  id: 'hanging-receiver',
  title: 'Hanging receiver',
  claim:
    'A receiver that never answers costs one timeout and blocks nobody else: other work goes on, and the callback is retried.',
  icon: Hourglass,
  unavailable: needsDemoReceiver,
  run: (context) => withMisbehaviour({ enabled: true, hang: true }, context.signal, () => watch(context)),
}

async function watch({ settings, signal, step, show }: CheckContext): Promise<void> {
  const id = await submit(settings, 'Hanging_receiver_check')
  const tell = ({ logs }: Progress) => show({ kind: 'attempts', requestId: id, logs })
  const started = performance.now()
  const answer = await post('/api/sync', { num_transactions: 1, report_name: 'While_it_hangs' })
  if (answer.status === 429) throw problemOf(answer)
  step({
    label: 'Meanwhile',
    expected: 'another report is generated as usual',
    observed: `${answer.status} after ${formatDuration(performance.now() - started)}`,
    ok: answer.status === 200,
  })
  const deadlineMs = settings.callback_timeout_s * 1_000
  step({
    label: 'Timeout',
    expected: `gives up after ${formatDuration(deadlineMs)}`,
    observed: 'waiting…',
    ok: null,
  })
  const { logs } = await follow(id, signal, tell, (progress) => progress.logs.length > 0)
  const first = logs[0]
  step({
    label: 'Timeout',
    expected: `gives up after ${formatDuration(deadlineMs)}`,
    observed: `${first?.error_code ?? first?.status_code} after ${formatDuration(first?.response_time_ms ?? 0)}`,
    ok: first?.success === false && Math.abs(first.response_time_ms - deadlineMs) < SLACK_MS,
  })
  await simulate({ enabled: false })
  const { detail } = await follow(id, signal, tell)
  step({
    label: 'Receiver recovers',
    expected: 'delivered by a retry',
    observed: `${detail.callback_status} on attempt ${detail.callback_attempts}`,
    ok: detail.callback_status === 'SUCCESS' && detail.callback_attempts > 1,
  })
}
