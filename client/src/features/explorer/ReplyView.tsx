import { Card } from '@/components/Card'
import { CodeBlock } from '@/components/CodeBlock'
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
        label="Answer"
        tabs={[
          {
            value: 'body',
            label: 'Body',
            content: reply.body ? (
              <CodeBlock label="answer body" code={reply.body} />
            ) : (
              <p className="text-muted">The body is empty.</p>
            ),
          },
          {
            value: 'headers',
            label: `Headers (${reply.headers.length})`,
            content: (
              <CodeBlock
                label="answer headers"
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

function tone(status: number): string {
  if (status < 300) return 'bg-good-soft text-good'
  if (status < 400) return 'bg-running-soft text-running'
  return status < 500 ? 'bg-warn-soft text-warn' : 'bg-bad-soft text-bad'
}
