import { useQuery } from '@tanstack/react-query'
import { LogOut } from 'lucide-react'
import { meQuery } from '@/api/queries'
import { Button } from '@/components/Button'
import { PageHeader } from '@/components/PageHeader'
import { QueryView } from '@/components/QueryView'
import { session } from '@/lib/session'
import { KeysCard } from './KeysCard'
import { SecretsCard } from './SecretsCard'
import { WhoCard } from './WhoCard'

const LIMITS_READ_EVERY_MS = 10_000

/** Who is signed in, what is left of the limits, and the keys of the account. */
export function AccountView() {
  const query = useQuery({ ...meQuery, refetchInterval: LIMITS_READ_EVERY_MS })
  return (
    <>
      <PageHeader
        title="Account"
        lead="Who you are to this server, what you may do, and the keys of your account."
      >
        <Button onClick={() => session.leave()}>
          <LogOut aria-hidden size={16} />
          Sign out
        </Button>
      </PageHeader>
      <QueryView query={query} height={320}>
        {(me) => (
          <div className="grid items-start gap-4">
            <WhoCard me={me} />
            <KeysCard me={me} />
            <SecretsCard me={me} />
          </div>
        )}
      </QueryView>
    </>
  )
}
