import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ErrorState } from './ErrorState'
import { Skeleton } from './Skeleton'

type QueryViewProps<T> = {
  query: Pick<UseQueryResult<T>, 'data' | 'error' | 'refetch'>
  /** Of the skeleton, so that nothing jumps when the answer comes. */
  height: number
  children: (data: T) => ReactNode
}

/** Loading, error and data of one query. Old data stays in view when a later read fails. */
export function QueryView<T>({ query, height, children }: QueryViewProps<T>) {
  if (query.data !== undefined) return <>{children(query.data)}</>
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />
  return <Skeleton height={height} rows={Math.max(1, Math.round(height / 64))} />
}
