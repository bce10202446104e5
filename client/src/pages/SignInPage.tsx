import { PageHeader } from '@/components/PageHeader'
import { SignIn } from '@/features/account/SignIn'

export default function SignInPage() {
  return (
    <>
      <PageHeader title="Sign in" lead="This page needs an API key to talk to the server." />
      <SignIn />
    </>
  )
}
