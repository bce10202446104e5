import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Ban, Download, RotateCw, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { keys } from '@/api/keys'
import type { RequestDetail } from '@/api/types'
import { Button } from '@/components/Button'
import { CopyButton } from '@/components/CopyButton'
import { DownloadLink } from '@/components/DownloadLink'
import { ErrorState } from '@/components/ErrorState'
import { showToast } from '@/lib/toasts'
import { CancelDialog } from './CancelDialog'
import { stopsOf } from './cancelling'
import { redeliver } from './queries'
import { canRedeliver } from './redelivery'

type DrawerActionsProps = { detail: RequestDetail; story: string; onDelete: () => void }

export function DrawerActions({ detail, story, onDelete }: DrawerActionsProps) {
  const client = useQueryClient()
  const [cancelling, setCancelling] = useState(false)
  const again = useMutation({
    mutationFn: () => redeliver(detail.id),
    onSuccess: async ({ message }) => {
      showToast({ tone: 'good', text: message })
      await client.invalidateQueries({ queryKey: keys.requests })
    },
  })
  const file = detail.result_payload?.download_url
  return (
    <>
      <div className="flex flex-wrap gap-2">
        {detail.callback_url !== null && (
          <Button
            small
            scope="submit"
            disabled={!canRedeliver(detail) || again.isPending}
            onClick={() => again.mutate()}
          >
            <RotateCw aria-hidden size={14} />
            Redeliver
          </Button>
        )}
        {file && (
          <DownloadLink
            href={file}
            className="inline-flex h-8 items-center gap-1.5 rounded-md border border-line-strong bg-surface px-2.5 text-xs font-medium shadow-sm hover:bg-raised"
          >
            <Download aria-hidden size={14} />
            Download CSV
          </DownloadLink>
        )}
        {stopsOf(detail) !== null && (
          <Button small scope="submit" onClick={() => setCancelling(true)}>
            <Ban aria-hidden size={14} />
            Cancel…
          </Button>
        )}
        <Button
          small
          look="danger"
          scope="submit"
          disabled={detail.status === 'PROCESSING'}
          onClick={onDelete}
        >
          <Trash2 aria-hidden size={14} />
          Delete
        </Button>
        <CopyButton text={story} label="Copy the timeline as text" withText="Copy timeline" className="h-8" />
      </div>
      {cancelling && <CancelDialog items={[detail]} onClose={() => setCancelling(false)} />}
      {again.error && <ErrorState error={again.error} onRetry={() => again.mutate()} />}
    </>
  )
}
