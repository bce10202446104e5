import { useMutation, useQueryClient } from '@tanstack/react-query'
import { keys } from '@/api/keys'
import type { ApiKey } from '@/api/types'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ErrorState } from '@/components/ErrorState'
import { showToast } from '@/lib/toasts'
import { revokeKey } from './queries'

type RevokeKeyProps = { apiKey: ApiKey; isInUse: boolean; onClose: () => void }

/** Asks first: whatever uses the key stops working. */
export function RevokeKey({ apiKey, isInUse, onClose }: RevokeKeyProps) {
  const client = useQueryClient()
  const revoking = useMutation({
    mutationFn: () => revokeKey(apiKey.id),
    onSuccess: () => {
      onClose()
      showToast({ tone: 'good', text: `Revoked ${apiKey.name} ${apiKey.id}.` })
    },
    onSettled: () => client.invalidateQueries({ queryKey: keys.apiKeys }),
  })
  return (
    <Dialog title={`Revoke ${apiKey.name}?`} onClose={onClose}>
      <div className="grid gap-4 p-4 text-ink">
        <p>
          Every server refuses <span className="font-mono text-xs">{apiKey.id}</span> within a second, and its
          live connections end. What was submitted with it goes on. This cannot be undone.
        </p>
        {isInUse && (
          <p className="font-medium text-bad">It is the key of this tab: you will be signed out.</p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Keep</Button>
          <Button look="destructive" disabled={revoking.isPending} onClick={() => revoking.mutate()}>
            Revoke key
          </Button>
        </div>
      </div>
      {revoking.error && <ErrorState error={revoking.error} />}
    </Dialog>
  )
}
