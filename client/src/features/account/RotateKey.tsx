import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { keys } from '@/api/keys'
import type { ApiKey, NewApiKey } from '@/api/types'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ErrorState } from '@/components/ErrorState'
import { OverlapField } from './OverlapField'
import { rotateKey } from './queries'

type RotateKeyProps = { apiKey: ApiKey; onClose: () => void; onMade: (apiKey: NewApiKey) => void }

/** A successor with the same name and scopes; both are good for a while, so that nothing stops in between. */
export function RotateKey({ apiKey, onClose, onMade }: RotateKeyProps) {
  const client = useQueryClient()
  const [hours, setHours] = useState(24)
  const rotating = useMutation({
    mutationFn: () => rotateKey(apiKey.id, hours),
    onSuccess: onMade,
    onSettled: () => client.invalidateQueries({ queryKey: keys.apiKeys }),
  })
  return (
    <Dialog title={`Rotate ${apiKey.name}?`} onClose={onClose}>
      <div className="grid gap-4 p-4 text-ink">
        <p>
          This creates a key with the same name, scopes and end (but none later than that of your own key).
          Put it where <span className="font-mono text-xs">{apiKey.id}</span> is used now, before that one
          ends.
        </p>
        <OverlapField label="The old key stays good for" hours={hours} onChange={setHours} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" disabled={rotating.isPending} onClick={() => rotating.mutate()}>
            Rotate key
          </Button>
        </div>
      </div>
      {rotating.error && <ErrorState error={rotating.error} />}
    </Dialog>
  )
}
