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
        title="There is no page at this address"
        action={
          <Link href={paths.playground} className="font-medium text-accent hover:underline">
            Go to the playground
          </Link>
        }
      >
        The link may be old, or a letter is missing.
      </EmptyState>
    </>
  )
}
