import { History, Search, SearchX } from 'lucide-react'
import { EmptyState } from '@/components/EmptyState'
import { Link } from '@/components/Link'
import { formatNumber } from '@/lib/format'
import { paths } from '@/lib/paths'

const linkClass =
  'inline-flex h-9 items-center rounded-md bg-accent-fill px-3.5 font-medium text-white hover:brightness-110'

type NoRequestsProps = {
  filtered: boolean
  /** How many were looked through while there are more; null once that is all of them. */
  searching: number | null | undefined
}

export function NoRequests({ filtered, searching }: NoRequestsProps) {
  if (searching !== undefined) {
    return (
      <EmptyState icon={Search} title="Searching…">
        <span role="status">
          {searching === null ? 'Nothing found so far.' : `Searched ${formatNumber(searching)} so far.`}
        </span>
      </EmptyState>
    )
  }
  if (filtered) {
    return (
      <EmptyState
        icon={SearchX}
        title="No matches"
        action={
          <Link href={paths.history} className={linkClass}>
            Clear the filters
          </Link>
        }
      >
        Try fewer filters. The filters are part of the address, so you can share the link.
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
      Every request this server accepts is listed here, with one timeline from acceptance to the acknowledged
      callback.
    </EmptyState>
  )
}
