import { ChevronRight, Send } from 'lucide-react'
import type { CallbackLog, ReceivedCallback, RequestDetail } from '@/api/types'
import { CodeBlock } from '@/components/CodeBlock'
import { CopyButton } from '@/components/CopyButton'
import { EmptyState } from '@/components/EmptyState'
import { ScrollRegion } from '@/components/ScrollRegion'
import { cx } from '@/lib/cx'
import { formatDuration, formatExact, formatTimeOfDay } from '@/lib/format'
import { curlToReceiver, receivedText, sentText } from './exchange'

type AttemptsProps = {
  detail: RequestDetail
  logs: CallbackLog[]
  /** What the demo receiver wrote down; null for a callback that goes somewhere else. */
  received: ReceivedCallback[] | null
}

/** The sender's log and, for the demo receiver, what it wrote down for the same message. Both oldest first. */
export function Attempts({ detail, logs, received }: AttemptsProps) {
  if (logs.length === 0) {
    return (
      <EmptyState icon={Send} title="No attempts yet">
        {noCallback(detail) ?? detail.reason}
      </EmptyState>
    )
  }
  return (
    <div className="grid gap-6">
      <p className="text-xs break-all text-muted">
        To <span className="font-mono text-ink">{detail.callback_url}</span>, webhook-id{' '}
        <span className="font-mono text-ink">{detail.webhook_id}</span>
      </p>
      <section>
        <h3 className="mb-2 font-medium">Sender&rsquo;s log</h3>
        <ol className="divide-y divide-line overflow-hidden rounded-lg border border-line">
          {logs.map((log) => (
            <li key={log.attempt_number}>
              <Attempt log={log} newest={log === logs.at(-1)} />
            </li>
          ))}
        </ol>
      </section>
      {received && <Received detail={detail} received={received} />}
    </div>
  )
}

/** Why no attempt is ever made; null where there is a callback. */
function noCallback({ mode, callback_url: url }: RequestDetail): string | null {
  if (mode === 'sync') return 'A sync request has no callback: the response is the result.'
  return url === null ? 'This request has no callback URL: the client reads the result itself.' : null
}

/** One line that opens to the whole exchange. */
function Attempt({ log, newest }: { log: CallbackLog; newest: boolean }) {
  return (
    <details open={newest} className="group">
      <summary className="flex flex-wrap items-center gap-x-3 px-3 py-2 text-xs -outline-offset-2 hover:bg-raised">
        <ChevronRight aria-hidden size={14} className="shrink-0 text-faint group-open:rotate-90" />
        <span className="font-medium">Attempt {log.attempt_number}</span>
        <span className={cx('font-mono', log.success ? 'text-good' : 'text-bad')}>
          {log.status_code ?? log.error_code ?? 'no response'}
        </span>
        <span className="text-muted">{formatDuration(log.response_time_ms)}</span>
        <time
          dateTime={log.attempted_at}
          title={formatExact(log.attempted_at)}
          className="ml-auto text-muted"
        >
          {formatTimeOfDay(log.attempted_at)}
        </time>
      </summary>
      <div className="grid gap-3 border-t border-line p-3">
        {log.error_message && <p className="text-xs break-words">{log.error_message}</p>}
        <Sent log={log} />
        <Answer log={log} />
      </div>
    </details>
  )
}

function Sent({ log: { attempt_number: number, request } }: { log: CallbackLog }) {
  if (request === null) return <p className="text-xs text-muted">What was sent is not on record.</p>
  const curl = curlToReceiver(request)
  return (
    <div className="grid gap-1">
      <CodeBlock label={`request of attempt ${number}`} code={sentText(request)} wrap />
      {curl === null ? (
        <p className="text-xs text-muted">The exact body can no longer be reproduced, so it is not shown.</p>
      ) : (
        <p className="flex flex-wrap items-center justify-between gap-x-3 text-xs text-muted">
          <span>Receivers reject a signature that is more than 5 minutes old.</span>
          <CopyButton
            text={curl}
            label={`Copy attempt ${number} as curl, to the receiver`}
            withText="Copy as curl to the receiver"
          />
        </p>
      )}
    </div>
  )
}

function Answer({ log }: { log: CallbackLog }) {
  const text = receivedText(log)
  if (text !== null) return <CodeBlock label={`response to attempt ${log.attempt_number}`} code={text} wrap />
  // Logged by a version that kept the excerpt alone; or nothing came back at all.
  if (log.response_excerpt)
    return <CodeBlock label={`response to attempt ${log.attempt_number}`} code={log.response_excerpt} wrap />
  return log.status_code === null ? <p className="text-xs text-muted">No response.</p> : null
}

function Received({ detail, received }: { detail: RequestDetail; received: ReceivedCallback[] }) {
  const mine = received
    .filter((callback) => callback.webhook_id === detail.webhook_id)
    .toSorted((one, other) => Date.parse(one.received_at) - Date.parse(other.received_at))
  return (
    <Rows
      title="Demo receiver's log"
      names={['Received at', 'Signature', 'Answered']}
      rows={mine.map((callback) => ({
        key: callback.received_at,
        at: callback.received_at,
        cells: [
          formatTimeOfDay(callback.received_at),
          callback.signature_valid ? 'valid' : (callback.signature_error ?? 'rejected'),
          callback.answered === null ? 'nothing (hanging)' : String(callback.answered),
        ],
      }))}
    />
  )
}

type Row = { key: string | number; at: string; cells: string[] }

function Rows({ title, names, rows }: { title: string; names: string[]; rows: Row[] }) {
  const last = names.length - 1
  return (
    <section>
      <h3 className="mb-2 font-medium">{title}</h3>
      {rows.length === 0 ? (
        <p className="text-muted">No entry: the demo receiver keeps only the last 100 callbacks.</p>
      ) : (
        <ScrollRegion label={title} className="overflow-x-auto rounded-lg border border-line">
          <table className="w-full text-left text-xs">
            <thead className="bg-raised text-muted">
              <tr>
                {names.map((name) => (
                  <th key={name} scope="col" className="px-3 py-2 font-medium whitespace-nowrap">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody className="divide-y divide-line">
              {rows.map((row) => (
                <tr key={row.key} title={formatExact(row.at)}>
                  {row.cells.map((cell, index) => (
                    <td
                      key={names[index]}
                      className={cx(
                        'px-3 py-1.5 align-top',
                        index === last ? 'min-w-32 break-words' : 'whitespace-nowrap',
                      )}
                    >
                      {cell}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollRegion>
      )}
    </section>
  )
}
