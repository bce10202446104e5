import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Ban, CircleStop, RotateCw, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { keys, type RequestFilters } from '@/api/keys'
import { settingsQuery } from '@/api/queries'
import type { RequestCounts, RequestItem } from '@/api/types'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ErrorState } from '@/components/ErrorState'
import { useStore } from '@/hooks/useStore'
import { formatCount, formatNumber } from '@/lib/format'
import { showToast } from '@/lib/toasts'
import { CancelDialog } from './CancelDialog'
import { cancellable } from './cancelling'
import { describeCount } from './describeCount'
import { redeliveryFilter, watchedRedelivery } from './matching'
import { isFiltered } from './filters'
import { countsQuery, deleteMatching } from './queries'
import { RedeliverMatching, RedeliveryProgress } from './RedeliverMatching'
import { redeliverable, redelivering, stopRedelivering, type BulkProgress } from './redelivery'

type BulkBarProps = {
  count: number
  complete: boolean
  /** How many a search by name has looked through; null when that says nothing. */
  searched: number | null
  filters: RequestFilters
  selected: RequestItem[]
  onDelete: () => void
  onRedeliver: (ids: string[]) => void
  onClear: () => void
}

export function BulkBar({
  count,
  complete,
  searched,
  filters,
  selected,
  onDelete,
  onRedeliver,
  onClear,
}: BulkBarProps) {
  const [asking, setAsking] = useState(false)
  const { data: settings } = useQuery(settingsQuery)
  const { data: total } = useQuery(countsQuery(filters))
  const progress = useStore(redelivering)
  const watched = useStore(watchedRedelivery)
  const matching = redeliveryFilter(filters)
  return (
    <div className="flex min-h-11 flex-wrap items-center gap-2 border-y border-line px-3 py-1.5 text-muted">
      {progress ? (
        <Progress progress={progress} />
      ) : selected.length > 0 ? (
        <Selection selected={selected} onDelete={onDelete} onRedeliver={onRedeliver} onClear={onClear} />
      ) : watched !== null ? (
        <RedeliveryProgress id={watched} />
      ) : (
        <>
          <span>{describeCount(count, complete, searched, total)}</span>
          {matching && count > 0 && <RedeliverMatching filter={matching} />}
        </>
      )}
      {settings?.demo_tools && (
        <Button
          small
          look="danger"
          scope="manage"
          className="ml-auto"
          disabled={count === 0}
          onClick={() => setAsking(true)}
        >
          <Trash2 aria-hidden size={14} />
          {isFiltered(filters) ? 'Delete all that match…' : 'Delete all…'}
        </Button>
      )}
      {asking && <DeleteAll filters={filters} onClose={() => setAsking(false)} />}
    </div>
  )
}

function Selection({
  selected,
  onDelete,
  onRedeliver,
  onClear,
}: Pick<BulkBarProps, 'selected' | 'onDelete' | 'onRedeliver' | 'onClear'>) {
  const again = redeliverable(selected)
  const unfinished = cancellable(selected)
  const [cancelling, setCancelling] = useState(false)
  return (
    <>
      <span className="font-medium text-ink">{formatNumber(selected.length)} selected</span>
      <Button
        small
        scope="submit"
        disabled={again.length === 0}
        title={again.length === 0 ? 'Only async requests that have finished can be redelivered' : undefined}
        onClick={() => onRedeliver(again)}
      >
        <RotateCw aria-hidden size={14} />
        Redeliver {formatNumber(again.length)}
      </Button>
      <Button
        small
        scope="submit"
        disabled={unfinished.length === 0}
        title={unfinished.length === 0 ? 'All of these have finished' : undefined}
        onClick={() => setCancelling(true)}
      >
        <Ban aria-hidden size={14} />
        Cancel {formatNumber(unfinished.length)}…
      </Button>
      <Button small look="danger" scope="submit" onClick={onDelete}>
        <Trash2 aria-hidden size={14} />
        Delete selected
      </Button>
      <Button small look="ghost" onClick={onClear}>
        Clear selection
      </Button>
      {cancelling && <CancelDialog items={unfinished} onClose={() => setCancelling(false)} />}
    </>
  )
}

function Progress({ progress: { done, of } }: { progress: BulkProgress }) {
  return (
    <>
      <span role="status" className="font-medium text-ink">
        Redelivering {formatNumber(done)} of {formatNumber(of)}
      </span>
      <progress aria-label="Redelivered" value={done} max={of} className="h-2 w-40" />
      <Button small onClick={stopRedelivering}>
        <CircleStop aria-hidden size={14} />
        Stop
      </Button>
    </>
  )
}

function DeleteAll({ filters, onClose }: { filters: RequestFilters; onClose: () => void }) {
  const client = useQueryClient()
  const { data: counts } = useQuery(countsQuery(filters))
  const filtered = isFiltered(filters)
  const mutation = useMutation({
    mutationFn: () => deleteMatching(filters),
    onSuccess: async ({ count }) => {
      onClose()
      showToast({ tone: 'good', text: `Deleted ${formatCount(count, 'request')}.` })
      await client.invalidateQueries({ queryKey: keys.requests })
    },
  })
  return (
    <Dialog title={filtered ? 'Delete all that match?' : 'Delete all requests?'} onClose={onClose}>
      <div className="grid gap-4 p-4 text-ink">
        <p>
          {filtered
            ? `This deletes ${matches(counts)}, loaded or not, with their files and callback logs.`
            : 'This deletes every request with its file and its callback log.'}{' '}
          Queued requests will never run; one that is being generated now is kept. This cannot be undone.
        </p>
        {mutation.error && <ErrorState error={mutation.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="destructive" disabled={mutation.isPending} onClick={() => mutation.mutate()}>
            <Trash2 aria-hidden size={15} />
            {filtered ? 'Delete all that match' : 'Delete all'}
          </Button>
        </div>
      </div>
    </Dialog>
  )
}

function matches(counts: RequestCounts | undefined): string {
  if (!counts) return 'every request that matches the filters'
  const all = formatCount(counts.total, 'request')
  return `${counts.exact ? all : `more than ${all}`} that match${counts.total === 1 && counts.exact ? 'es' : ''} the filters`
}
