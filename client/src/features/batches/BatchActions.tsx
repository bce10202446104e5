import { Ban, RotateCw, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Button } from '@/components/Button'
import { BatchDialog } from './BatchDialog'
import { choicesOf, type Choice } from './choices'
import { nameOf } from './describeCounts'
import type { Batch } from './queries'

const buttons = {
  cancel: { word: 'Cancel', icon: Ban, look: 'secondary' },
  redeliver: { word: 'Redeliver', icon: RotateCw, look: 'secondary' },
  delete: { word: 'Delete', icon: Trash2, look: 'danger' },
} as const

/** What can be done with a batch as it stands; each asks first. */
export function BatchActions({ batch }: { batch: Batch }) {
  const [asking, setAsking] = useState<Choice | null>(null)
  const choices = choicesOf(batch)
  return (
    <div className="ml-auto flex gap-1">
      {choices.map((choice) => {
        const { word, icon: Icon, look } = buttons[choice]
        return (
          <Button
            key={choice}
            small
            scope="submit"
            look={look}
            aria-label={`${word}… ${nameOf(batch)}`}
            onClick={() => setAsking(choice)}
          >
            <Icon aria-hidden size={14} />
            {word}…
          </Button>
        )
      })}
      {asking && choices.includes(asking) && (
        <BatchDialog batch={batch} choice={asking} onClose={() => setAsking(null)} />
      )}
    </div>
  )
}
