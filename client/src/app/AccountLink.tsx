import { useQuery } from '@tanstack/react-query'
import { KeyRound } from 'lucide-react'
import { meQuery } from '@/api/queries'
import { Link } from '@/components/Link'
import { useStore } from '@/hooks/useStore'
import { cx } from '@/lib/cx'
import { paths } from '@/lib/paths'
import { usePath } from '@/lib/router'
import { session } from '@/lib/session'

/** The account that is signed in, or a place to do so that takes no room where nobody needs it. */
export function AccountLink() {
  const { key } = useStore(session.state)
  const { data: me } = useQuery({ ...meQuery, enabled: key !== null })
  const current = usePath() === paths.account
  const label = key === null ? 'Sign in with an API key' : `Account ${me?.account ?? ''}`.trim()
  return (
    <Link
      href={paths.account}
      title={label}
      aria-label={label}
      aria-current={current ? 'page' : undefined}
      className={cx(
        'inline-flex h-8 min-w-8 shrink-0 items-center justify-center gap-1.5 rounded-md transition hover:bg-raised hover:text-ink',
        current ? 'bg-raised text-ink' : 'text-muted',
        key !== null && 'px-2 text-xs font-medium',
      )}
    >
      <KeyRound aria-hidden size={18} className={key === null ? '' : 'text-accent'} />
      {key !== null && <span className="hidden max-w-32 truncate lg:inline">{me?.account ?? 'Account'}</span>}
    </Link>
  )
}
