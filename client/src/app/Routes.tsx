import { useEffect, useRef } from 'react'
import { ErrorBoundary } from '@/components/ErrorBoundary'
import { usePath } from '@/lib/router'
import { NotFound } from './NotFound'
import { accountRoute, routes } from './routes'

export function Routes() {
  const path = usePath()
  const route = [...routes, accountRoute].find((candidate) => candidate.path === path)
  const first = useRef(true)

  useEffect(() => {
    if (!route) document.title = 'Page not found · Financial Report Generator'
    if (first.current) {
      first.current = false
      return
    }
    // A screen reader would otherwise stay on the link that is behind it now.
    document.getElementById('main')?.focus()
    scrollTo(0, 0)
  }, [route])

  if (!route) return <NotFound />
  const Page = route.page
  return (
    <ErrorBoundary key={route.path}>
      <Page />
    </ErrorBoundary>
  )
}
