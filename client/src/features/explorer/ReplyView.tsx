import { Card } from '@/components/Card'
import { CodeBlock } from '@/components/CodeBlock'
import { RequestLink } from '@/components/RequestLink'
import { Tabs } from '@/components/Tabs'
import { cx } from '@/lib/cx'
import { formatDuration } from '@/lib/format'
import type { Reply } from './call'

export function ReplyView({ reply }: { reply: Reply }) {
  return (
    <Card
      title={
        <span role="status" className="inline-flex items-center gap-2">
          <span className={cx('rounded px-2 py-0.5 font-mono', tone(reply.status))}>
            {reply.status} {reply.statusText}
          </span>
          <span className="font-normal text-muted">{formatDuration(reply.tookMs)}</span>
        </span>
      }
    >
      <Tabs
        label="Response"
        tabs={[
          {
            value: 'body',
            label: 'Body',
            content: reply.body ? (
              <div className="grid gap-3">
                <CodeBlock label="response body" code={reply.body} />
                <Ids ids={requestIds(reply.body)} />
              </div>
            ) : (
              <p className="text-muted">The body is empty.</p>
            ),
          },
          {
            value: 'headers',
            label: `Headers (${reply.headers.length})`,
            content: (
              <CodeBlock
                label="response headers"
                code={reply.headers.map(([name, value]) => `${name}: ${value}`).join('\n')}
                wrap
              />
            ),
          },
        ]}
      />
    </Card>
  )
}

const IDS_SHOWN = 10

/** The requests a response names, in the order in which it names them. */
export function requestIds(body: string): string[] {
  const found = body.matchAll(/"(?:request_)?id": "([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"/g)
  return [...new Set([...found].map((match) => match[1] ?? ''))].slice(0, IDS_SHOWN)
}

function Ids({ ids }: { ids: string[] }) {
  if (ids.length === 0) return null
  return (
    <p className="flex flex-wrap gap-x-3 text-xs text-muted">
      Open the timeline of{' '}
      {ids.map((id) => (
        <RequestLink key={id} id={id} />
      ))}
    </p>
  )
}

function tone(status: number): string {
  if (status < 300) return 'bg-good-soft text-good'
  if (status < 400) return 'bg-running-soft text-running'
  return status < 500 ? 'bg-warn-soft text-warn' : 'bg-bad-soft text-bad'
}
