import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Ban } from 'lucide-react'
import { useState } from 'react'
import { keys } from '@/api/keys'
import type { RequestItem } from '@/api/types'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { NotifyChoice } from '@/components/NotifyChoice'
import { formatCount } from '@/lib/format'
import { showToast } from '@/lib/toasts'
import { describeCancel, describeCancelled, stopsOf } from './cancelling'
import { cancelRequest } from './queries'
import { oneByOne } from './redelivery'

type CancelDialogProps = { items: RequestItem[]; onClose: () => void }

/** Asks before requests are cancelled, and whether their receivers are to be notified. */
export function CancelDialog({ items, onClose }: CancelDialogProps) {
  const client = useQueryClient()
  const [notify, setNotify] = useState(false)
  const cancel = useMutation({
    mutationFn: () =>
      oneByOne(
        // From the end of the queue: none of them begins because the one before it was cancelled.
        items.map((item) => item.id),
        (id) => cancelRequest(id, notify),
        () => undefined,
        () => false,
        () => Promise.resolve(),
      ),
    onSuccess: async (result) => {
      onClose()
      const tone = result.failures.length === 0 ? 'good' : 'bad'
      showToast({ tone, text: describeCancelled(result) })
      await client.invalidateQueries({ queryKey: keys.requests })
    },
  })
  const canNotify = items.some((item) => stopsOf(item) === 'report' && item.callback_url !== null)
  return (
    <Dialog title={`Cancel ${formatCount(items.length, 'request')}?`} onClose={onClose}>
      <div className="grid gap-4 p-4 text-ink">
        <p>{describeCancel(items)} This cannot be undone.</p>
        {canNotify && (
          <NotifyChoice
            label="Notify the receiver"
            hint="It gets report.cancelled instead of report.completed, in its place in the order."
            checked={notify}
            onChange={setNotify}
          />
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Keep</Button>
          <Button look="destructive" disabled={cancel.isPending} onClick={() => cancel.mutate()}>
            <Ban aria-hidden size={15} />
            Cancel {items.length === 1 ? 'request' : 'requests'}
          </Button>
        </div>
      </div>
    </Dialog>
  )
}
