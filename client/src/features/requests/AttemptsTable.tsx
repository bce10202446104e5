import { Send } from 'lucide-react'
import type { CallbackLog, ReceivedCallback, RequestDetail } from '@/api/types'
import { EmptyState } from '@/components/EmptyState'
import { ScrollRegion } from '@/components/ScrollRegion'
import { formatDuration, formatExact, formatTimeOfDay } from '@/lib/format'

type AttemptsTableProps = { detail: RequestDetail; logs: CallbackLog[]; received: ReceivedCallback[] }

/** The sender's log, and beside it what the demo receiver wrote down for the same message. */
export function AttemptsTable({ detail, logs, received }: AttemptsTableProps) {
  if (logs.length === 0) {
    return (
      <EmptyState icon={Send} title="No attempt yet">
        {detail.mode === 'sync' ? 'A sync request has no callback: its answer is the result.' : detail.reason}
      </EmptyState>
    )
  }
  const mine = received.filter((callback) => callback.webhook_id === detail.webhook_id)
  return (
    <div className="grid gap-6">
      <p className="text-xs break-all text-muted">
        To <span className="font-mono text-ink">{detail.callback_url}</span>, webhook-id{' '}
        <span className="font-mono text-ink">{detail.webhook_id}</span>
      </p>
      <Rows
        title="Sender's log"
        names={['#', 'At', 'Answer', 'Took', 'Error']}
        rows={logs.map((log) => ({
          key: log.attempt_number,
          at: log.attempted_at,
          cells: [
            String(log.attempt_number),
            formatTimeOfDay(log.attempted_at),
            log.status_code === null ? 'none' : String(log.status_code),
            formatDuration(log.response_time_ms),
            log.error_message ?? '–',
          ],
        }))}
      />
      <Rows
        title="Demo receiver's log"
        names={['At', 'Signature', 'It answered']}
        rows={mine.map((callback) => ({
          key: callback.received_at,
          at: callback.received_at,
          cells: [
            formatTimeOfDay(callback.received_at),
            callback.signature_valid ? 'valid' : (callback.signature_error ?? 'refused'),
            callback.answered === null ? 'nothing: it hangs' : String(callback.answered),
          ],
        }))}
      />
    </div>
  )
}

type Row = { key: string | number; at: string; cells: string[] }

function Rows({ title, names, rows }: { title: string; names: string[]; rows: Row[] }) {
  return (
    <section>
      <h3 className="mb-2 font-medium">{title}</h3>
      {rows.length === 0 ? (
        <p className="text-muted">
          Nothing. It only remembers the last 100 callbacks sent to this server itself.
        </p>
      ) : (
        <ScrollRegion label={title} className="overflow-x-auto rounded-lg border border-line">
          <table className="w-full text-left text-xs">
            <thead className="bg-raised text-muted">
              <tr>
                {names.map((name) => (
                  <th key={name} scope="col" className="px-3 py-2 font-medium">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody className="divide-y divide-line">
              {rows.map((row) => (
                <tr key={row.key} title={formatExact(row.at)}>
                  {row.cells.map((cell, index) => (
                    <td key={names[index]} className="px-3 py-1.5 align-top">
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
