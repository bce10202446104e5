import { History, SearchX } from 'lucide-react'
import { EmptyState } from '@/components/EmptyState'
import { Link } from '@/components/Link'
import { paths } from '@/lib/paths'

const linkClass =
  'inline-flex h-9 items-center rounded-md bg-accent-fill px-3.5 font-medium text-white hover:brightness-110'

export function NoRequests({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <EmptyState
        icon={SearchX}
        title="No request matches these filters"
        action={
          <Link href={paths.history} className={linkClass}>
            Clear the filters
          </Link>
        }
      >
        Other requests may be there. The filters are part of the address, so a link can be shared.
      </EmptyState>
    )
  }
  return (
    <EmptyState
      icon={History}
      title="No requests yet"
      action={
        <Link href={paths.playground} className={linkClass}>
          Run the first race
        </Link>
      }
    >
      Every request this server accepted is listed here, with one timeline from its acceptance to the
      acknowledged callback.
    </EmptyState>
  )
}
