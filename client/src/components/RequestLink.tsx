import { paths } from '@/lib/paths'
import { shortId } from '@/lib/format'
import { Link } from './Link'

export function RequestLink({ id }: { id: string }) {
  return (
    <Link
      href={paths.request(id)}
      title={`Open the timeline of request ${id}`}
      className="rounded font-mono text-xs text-accent underline-offset-2 hover:underline"
    >
      {shortId(id)}
    </Link>
  )
}
