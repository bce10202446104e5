import { queryOptions } from '@tanstack/react-query'
import { ProblemError, send } from '@/api/client'
import { operationsOf, type OpenApiDocument } from './openapi'

export const operationsQuery = queryOptions({
  queryKey: ['openapi'],
  queryFn: async ({ signal }) => {
    const response = await send(new Request(new URL('/openapi.json', location.origin), { signal }))
    if (!response.ok) throw new ProblemError(response, null)
    return operationsOf((await response.json()) as OpenApiDocument)
  },
  staleTime: Infinity,
})
