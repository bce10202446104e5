import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { meQuery } from '@/api/queries'
import { useStore } from '@/hooks/useStore'
import { grants, session } from '@/lib/session'

/** Learns what the key of the tab permits, so that what it does not is not offered. */
export function SignedIn() {
  const { key } = useStore(session.state)
  const { data } = useQuery({ ...meQuery, enabled: key !== null })
  const scopes = data?.scopes
  useEffect(() => grants.set(scopes ?? null), [scopes])
  return null
}
