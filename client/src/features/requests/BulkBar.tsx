import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Trash2 } from 'lucide-react'
import { useState } from 'react'
import { keys } from '@/api/keys'
import { settingsQuery } from '@/api/queries'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ErrorState } from '@/components/ErrorState'
import { formatCount, formatNumber } from '@/lib/format'
import { showToast } from '@/lib/toasts'
import { deleteAllRequests } from './queries'

type BulkBarProps = {
  count: number
  complete: boolean
  selected: ReadonlySet<string>
  onDelete: () => void
  onClear: () => void
}

export function BulkBar({ count, complete, selected, onDelete, onClear }: BulkBarProps) {
  const [asking, setAsking] = useState(false)
  const { data: settings } = useQuery(settingsQuery)
  return (
    <div className="flex min-h-11 flex-wrap items-center gap-2 border-y border-line px-3 py-1.5 text-muted">
      {selected.size > 0 ? (
        <>
          <span className="font-medium text-ink">{formatNumber(selected.size)} selected</span>
          <Button small look="danger" onClick={onDelete}>
            <Trash2 aria-hidden size={14} />
            Delete selected
          </Button>
          <Button small look="ghost" onClick={onClear}>
            Clear selection
          </Button>
        </>
      ) : (
        <span>
          {formatCount(count, 'request')}
          {complete ? '' : ' loaded, more below'}
        </span>
      )}
      {settings?.demo_tools && (
        <Button
          small
          look="danger"
          className="ml-auto"
          disabled={count === 0}
          onClick={() => setAsking(true)}
        >
          <Trash2 aria-hidden size={14} />
          Delete all…
        </Button>
      )}
      {asking && <DeleteAll onClose={() => setAsking(false)} />}
    </div>
  )
}

function DeleteAll({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const mutation = useMutation({
    mutationFn: deleteAllRequests,
    onSuccess: async ({ count }) => {
      onClose()
      showToast({ tone: 'good', text: `Deleted ${formatCount(count, 'request')}.` })
      await client.invalidateQueries({ queryKey: keys.requests })
    },
  })
  return (
    <Dialog title="Delete all requests?" onClose={onClose}>
      <div className="grid gap-4 p-4 text-ink">
        <p>
          Every request goes, whatever the filters show, with its file and its callback log. Waiting ones are
          never run; those being generated right now stay. This cannot be taken back.
        </p>
        {mutation.error && <ErrorState error={mutation.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Keep them</Button>
          <Button look="danger" disabled={mutation.isPending} onClick={() => mutation.mutate()}>
            <Trash2 aria-hidden size={15} />
            Delete all
          </Button>
        </div>
      </div>
    </Dialog>
  )
}
