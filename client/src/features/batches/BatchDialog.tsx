import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { keys } from '@/api/keys'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ErrorState } from '@/components/ErrorState'
import { NotifyChoice } from '@/components/NotifyChoice'
import { showToast } from '@/lib/toasts'
import { questionOf, type Choice } from './choices'
import { nameOf } from './describeCounts'
import { cancelBatch, deleteBatch, redeliverBatch, type Batch } from './queries'

type BatchDialogProps = { batch: Batch; choice: Choice; onClose: () => void }

/** Asks before something is done with a batch, and does it. */
export function BatchDialog({ batch, choice, onClose }: BatchDialogProps) {
  const client = useQueryClient()
  const [notify, setNotify] = useState(false)
  const { title, text, button, canNotify } = questionOf(choice, batch)
  const act = useMutation({
    mutationFn: () => run(choice, batch, notify),
    onSuccess: (message) => {
      onClose()
      showToast({ tone: 'good', text: message })
    },
    onSettled: () => client.invalidateQueries({ queryKey: keys.batches }),
  })
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="grid gap-4 p-4 text-ink">
        <p className="break-words">{text}</p>
        {canNotify && (
          <NotifyChoice
            label="Notify the receivers"
            hint="They get report.cancelled and batch.completed as far as they were to be called back."
            checked={notify}
            onChange={setNotify}
          />
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{choice === 'redeliver' ? 'Not now' : 'Keep'}</Button>
          <Button
            look={choice === 'redeliver' ? 'primary' : 'destructive'}
            disabled={act.isPending}
            onClick={() => act.mutate()}
          >
            {button}
          </Button>
        </div>
      </div>
      {act.error && <ErrorState error={act.error} />}
    </Dialog>
  )
}

async function run(choice: Choice, batch: Batch, notify: boolean): Promise<string> {
  if (choice === 'redeliver') return (await redeliverBatch(batch.batch_id)).message
  if (choice === 'cancel') await cancelBatch(batch.batch_id, notify)
  else await deleteBatch(batch.batch_id)
  if (choice === 'delete') return `Deleted ${nameOf(batch)}.`
  return batch.completed_at === null
    ? `Cancelled ${nameOf(batch)}.`
    : `Cancelled the callback of ${nameOf(batch)}.`
}
