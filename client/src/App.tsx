import { QueryClientProvider } from '@tanstack/react-query'
import { useState, useSyncExternalStore } from 'react'
import { createQueryClient } from './app/queryClient'
import { Layout } from './app/Layout'
import { LiveUpdates } from './app/LiveUpdates'
import { Routes } from './app/Routes'
import { SignedIn } from './app/SignedIn'
import { SignInPage } from './app/SignInPage'
import { session } from './lib/session'

export function App() {
  const [client] = useState(createQueryClient)
  const { refusal } = useSyncExternalStore(session.state.subscribe, session.state.get)
  const isRefused = refusal !== null
  return (
    <QueryClientProvider client={client}>
      <SignedIn />
      {!isRefused && <LiveUpdates />}
      <Layout isRefused={isRefused}>{isRefused ? <SignInPage /> : <Routes />}</Layout>
    </QueryClientProvider>
  )
}
