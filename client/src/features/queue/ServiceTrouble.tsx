import { useQuery } from '@tanstack/react-query'
import { CircleAlert, Info } from 'lucide-react'
import { healthQuery } from './queries'
import { congestionOf, troublesOf } from './troubles'

/** What keeps the service from its work, while it does; nothing otherwise. */
export function ServiceTrouble() {
  const { data: health } = useQuery(healthQuery)
  if (!health) return null
  const troubles = troublesOf(health)
  const congestion = congestionOf(health)
  return (
    <>
      {troubles.length > 0 && (
        <ul role="alert" className="grid gap-1 rounded-lg bg-bad-soft px-4 py-3 text-bad">
          {troubles.map((trouble) => (
            <li key={trouble} className="flex items-start gap-2">
              <CircleAlert aria-hidden size={16} className="mt-1 shrink-0" />
              {trouble}
            </li>
          ))}
        </ul>
      )}
      {congestion && (
        <p role="status" className="flex items-center gap-2 text-muted">
          <Info aria-hidden size={16} className="shrink-0" />
          {congestion}
        </p>
      )}
    </>
  )
}
