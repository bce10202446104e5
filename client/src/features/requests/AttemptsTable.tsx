import { Send } from 'lucide-react'
import type { CallbackLog, ReceivedCallback, RequestDetail } from '@/api/types'
import { EmptyState } from '@/components/EmptyState'
import { ScrollRegion } from '@/components/ScrollRegion'
import { cx } from '@/lib/cx'
import { formatDuration, formatExact, formatTimeOfDay } from '@/lib/format'

type AttemptsTableProps = {
  detail: RequestDetail
  logs: CallbackLog[]
  /** What the demo receiver wrote down; null for a callback that goes somewhere else. */
  received: ReceivedCallback[] | null
}

/** The sender's log and, for the demo receiver, what it wrote down for the same message. Both oldest first. */
export function AttemptsTable({ detail, logs, received }: AttemptsTableProps) {
  if (logs.length === 0) {
    return (
      <EmptyState icon={Send} title="No attempts yet">
        {detail.mode === 'sync'
          ? 'A sync request has no callback: the response is the result.'
          : detail.reason}
      </EmptyState>
    )
  }
  return (
    <div className="grid gap-6">
      <p className="text-xs break-all text-muted">
        To <span className="font-mono text-ink">{detail.callback_url}</span>, webhook-id{' '}
        <span className="font-mono text-ink">{detail.webhook_id}</span>
      </p>
      <Rows
        title="Sender's log"
        names={['#', 'Sent at', 'Status', 'Took', 'Response or error']}
        rows={logs.map((log) => ({
          key: log.attempt_number,
          at: log.attempted_at,
          cells: [
            String(log.attempt_number),
            formatTimeOfDay(log.attempted_at),
            log.status_code === null ? 'none' : String(log.status_code),
            formatDuration(log.response_time_ms),
            said(log),
          ],
        }))}
      />
      {received && <Received detail={detail} received={received} />}
    </div>
  )
}

function said({ error_message: error, response_excerpt: excerpt }: CallbackLog): string {
  return [error, excerpt].filter(Boolean).join(' ') || '–'
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
