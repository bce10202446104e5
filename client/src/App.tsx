import { QueryClientProvider } from '@tanstack/react-query'
import { useState } from 'react'
import { createQueryClient } from './app/queryClient'
import { Layout } from './app/Layout'
import { LiveUpdates } from './app/LiveUpdates'
import { Routes } from './app/Routes'

export function App() {
  const [client] = useState(createQueryClient)
  return (
    <QueryClientProvider client={client}>
      <LiveUpdates />
      <Layout>
        <Routes />
      </Layout>
    </QueryClientProvider>
  )
}
