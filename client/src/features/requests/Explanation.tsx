import { useQuery } from '@tanstack/react-query'
import { isFinal } from '@/api/queries'
import type { ExplainedSpan, RequestDetail } from '@/api/types'
import { QueryView } from '@/components/QueryView'
import { RequestLink } from '@/components/RequestLink'
import { formatDuration } from '@/lib/format'
import { explanationQuery } from './queries'

const ASK_AGAIN_MS = 2_000

/** Where the time of a request went, and because of what. */
export function Explanation({ detail }: { detail: RequestDetail }) {
  const query = useQuery({
    ...explanationQuery(detail.id),
    refetchInterval: isFinal(detail) ? false : ASK_AGAIN_MS,
    staleTime: 0,
  })
  return (
    <QueryView query={query} height={240}>
      {({ spans, total_ms: total }) => (
        <>
          <p className="mb-3 text-xs text-muted">{formatDuration(total)} altogether.</p>
          <ol className="grid gap-3">
            {spans.map((span) => (
              <Span key={span.from + span.kind} span={span} total={total} />
            ))}
          </ol>
        </>
      )}
    </QueryView>
  )
}

const fills: Record<ExplainedSpan['kind'], string> = {
  waiting: 'bg-queued-fill',
  generating: 'bg-running-fill',
  held: 'bg-queued-fill',
  attempt: 'bg-good-fill',
  retry_wait: 'bg-warn-fill',
  paused: 'bg-bad-fill',
  idle: 'bg-line-strong',
}

function Span({ span, total }: { span: ExplainedSpan; total: number }) {
  const share = total > 0 ? (100 * span.ms) / total : 0
  return (
    <li>
      <div className="flex items-baseline justify-between gap-3">
        <p className="min-w-0 break-words">
          {span.text}{' '}
          {span.request_id && (
            <>
              (<RequestLink id={span.request_id} />)
            </>
          )}
        </p>
        <span className="font-mono text-xs whitespace-nowrap text-muted">{formatDuration(span.ms)}</span>
      </div>
      <div aria-hidden className="mt-1 h-1.5 overflow-hidden rounded bg-raised">
        <div className={`mark h-full ${fills[span.kind]}`} style={{ width: `${Math.max(share, 0.5)}%` }} />
      </div>
    </li>
  )
}
