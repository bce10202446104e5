import type { NewApiKey } from '@/api/types'
import { Button } from '@/components/Button'
import { CodeBlock } from '@/components/CodeBlock'
import { Dialog } from '@/components/Dialog'
import { session } from '@/lib/session'

type NewKeyProps = { apiKey: NewApiKey; onClose: () => void }

/** A new key, this once: it does not close by a click beside it. */
export function NewKey({ apiKey, onClose }: NewKeyProps) {
  return (
    <Dialog title={`The key ${apiKey.name}`} onClose={onClose} stays>
      <div className="grid gap-4 p-4 text-ink">
        <p>Copy it now: it is shown this once, and the server keeps only its hash.</p>
        <CodeBlock label="key" code={apiKey.key} wrap />
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={() => session.enter(apiKey.key)}>Use it in this tab</Button>
          <Button look="primary" onClick={onClose}>
            I have copied it
          </Button>
        </div>
      </div>
    </Dialog>
  )
}
