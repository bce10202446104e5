import type { CallbackLog } from '@/api/types'
import { cx } from '@/lib/cx'
import { formatDuration } from '@/lib/format'

const SPAN_MIN_MS = 2_000

/** The attempts on one line, true to scale: the gaps between them are the backoff. */
export function BackoffChart({ logs }: { logs: CallbackLog[] }) {
  const first = logs[0]
  if (!first) return <p className="text-xs text-muted">No attempt yet…</p>
  const from = Date.parse(first.attempted_at)
  const span = Math.max(SPAN_MIN_MS, lastMoment(logs) - from) * 1.04
  const percent = (ms: number) => `${(ms / span) * 100}%`
  return (
    <figure className="rounded-lg border border-line p-3">
      <figcaption className="mb-1 text-xs font-medium text-muted">
        Attempts over {formatDuration(span)}
      </figcaption>
      <div className="relative h-14" role="img" aria-label={describe(logs, from)}>
        <span className="waiting absolute inset-x-0 top-5 h-0.5" />
        {logs.map((log) => {
          const at = Date.parse(log.attempted_at) - from
          return (
            <span key={log.attempt_number}>
              <span
                className={cx(
                  'mark absolute top-2 h-6 min-w-1 rounded-sm',
                  log.success ? 'bg-good-fill' : 'bg-warn-fill',
                )}
                style={{ left: percent(at), width: percent(log.response_time_ms) }}
              />
              <span
                className={cx(
                  'absolute top-9 text-xs whitespace-nowrap',
                  at / span > 0.7 && '-translate-x-full',
                )}
                style={{ left: percent(at) }}
              >
                {log.status_code ?? log.error_code} at {formatDuration(at)}
              </span>
            </span>
          )
        })}
      </div>
    </figure>
  )
}

/** The end of the last attempt, or the time of the next one if that is known. */
function lastMoment(logs: CallbackLog[]): number {
  const last = logs.at(-1)
  if (!last) return 0
  return Math.max(
    Date.parse(last.attempted_at) + last.response_time_ms,
    last.next_attempt_at === null ? 0 : Date.parse(last.next_attempt_at),
  )
}

function describe(logs: CallbackLog[], from: number): string {
  return logs
    .map(
      (log) =>
        `attempt ${log.attempt_number}: ${log.status_code ?? log.error_code} after ${formatDuration(Date.parse(log.attempted_at) - from)}`,
    )
    .join(', ')
}
