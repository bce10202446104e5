import { Compass } from 'lucide-react'
import { EmptyState } from '@/components/EmptyState'
import { Link } from '@/components/Link'
import { paths } from '@/lib/paths'

export function NotFound() {
  return (
    <>
      <h1 className="sr-only">Page not found</h1>
      <EmptyState
        icon={Compass}
        title="Page not found"
        action={
          <Link href={paths.playground} className="font-medium text-accent hover:underline">
            Go to the playground
          </Link>
        }
      >
        The link may be out of date or mistyped.
      </EmptyState>
    </>
  )
}
