import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { keys } from '@/api/keys'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ErrorState } from '@/components/ErrorState'
import { showToast } from '@/lib/toasts'
import { OverlapField } from './OverlapField'
import { rotateSecret } from './queries'

/** A new secret; for a while callbacks carry a signature of each. */
export function RotateSecret({ onClose }: { onClose: () => void }) {
  const client = useQueryClient()
  const [hours, setHours] = useState(24)
  const rotating = useMutation({
    mutationFn: () => rotateSecret(hours),
    onSuccess: () => {
      onClose()
      showToast({ tone: 'good', text: 'Rotated. Give the new secret to your receivers.' })
    },
    onSettled: () => client.invalidateQueries({ queryKey: keys.webhookSecrets }),
  })
  return (
    <Dialog title="Rotate the webhook secret?" onClose={onClose}>
      <div className="grid gap-4 p-4 text-ink">
        <p>
          {hours === 0
            ? 'From now on callbacks are signed with the new secret alone: receivers have to know it at once.'
            : 'Until the overlap ends every callback carries a signature of each secret, so that receivers can change to the new one one after the other. After it they have to know the new one.'}
        </p>
        <OverlapField label="The old secret signs as well for" hours={hours} onChange={setHours} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" disabled={rotating.isPending} onClick={() => rotating.mutate()}>
            Rotate secret
          </Button>
        </div>
      </div>
      {rotating.error && <ErrorState error={rotating.error} />}
    </Dialog>
  )
}
