import { useQuery } from '@tanstack/react-query'
import { FileText } from 'lucide-react'
import { requestQuery } from '@/api/queries'
import { Card } from '@/components/Card'
import { CodeBlock } from '@/components/CodeBlock'
import { EmptyState } from '@/components/EmptyState'
import { describe, ErrorState } from '@/components/ErrorState'
import { RequestLink } from '@/components/RequestLink'
import { Skeleton } from '@/components/Skeleton'
import { Tabs } from '@/components/Tabs'
import { ProblemError } from '@/api/client'
import { toCurl } from '@/lib/curl'
import { ReportPreview } from './ReportPreview'
import type { Run } from './runs'

/** Everything about one run: the report, what came back, and the request to send it again from a terminal. */
export function RunDetails({ run }: { run: Run | null }) {
  if (!run) {
    return (
      <Card title="Result">
        <EmptyState icon={FileText} title="The report appears here">
          Totals, charts and first rows, the response as JSON, and the request as curl.
        </EmptyState>
      </Card>
    )
  }
  return (
    <Card
      title={`Result of ${run.mode} run #${run.key}`}
      hint={
        run.requestId && (
          <>
            Request <RequestLink id={run.requestId} />
          </>
        )
      }
    >
      <Tabs
        label="Result"
        tabs={[
          { value: 'report', label: 'Report', content: <ReportTab run={run} /> },
          { value: 'response', label: 'Response', content: <ResponseTab run={run} /> },
          { value: 'request', label: 'curl', content: <RequestTab run={run} /> },
        ]}
      />
    </Card>
  )
}

function ReportTab({ run }: { run: Run }) {
  const { data, error, refetch } = useQuery({
    ...requestQuery(run.requestId ?? ''),
    enabled: run.requestId !== null,
  })
  if (run.error) return <ErrorState error={run.error} />
  if (error && !data) return <ErrorState error={error} onRetry={() => void refetch()} />
  if (data?.result_payload) return <ReportPreview result={data.result_payload} />
  if (data?.status === 'CANCELLED') return <p className="text-muted">The request was cancelled.</p>
  if (data?.status === 'FAILED') return <p className="text-bad">{data.failure_reason}</p>
  return (
    <>
      <p className="text-muted">{data?.reason ?? 'Waiting for the response…'}</p>
      <Skeleton height={320} rows={4} />
    </>
  )
}

function ResponseTab({ run }: { run: Run }) {
  const body = run.error instanceof ProblemError ? run.error.problem : run.answer
  if (body === null)
    return <p className="text-muted">{run.error ? describe(run.error).title : 'No response yet.'}</p>
  return (
    <>
      <p className="mb-2 font-mono text-xs text-muted">HTTP {run.httpStatus}</p>
      <CodeBlock label="response" code={JSON.stringify(body, null, 2)} />
    </>
  )
}

function RequestTab({ run }: { run: Run }) {
  const call = {
    method: 'POST',
    url: `${location.origin}/api/${run.mode}`,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(run.body),
  }
  return <CodeBlock label="curl command" code={toCurl(call)} />
}
