import { PageHeader } from '@/components/PageHeader'
import { AccountView } from '@/features/account/AccountView'
import { SignIn } from '@/features/account/SignIn'
import { useStore } from '@/hooks/useStore'
import { session } from '@/lib/session'

export default function AccountPage() {
  const { key } = useStore(session.state)
  if (key !== null) return <AccountView />
  return (
    <>
      <PageHeader
        title="Account"
        lead="This server also answers without a key: signing in shows the requests and keys of an account instead."
      />
      <SignIn />
    </>
  )
}
