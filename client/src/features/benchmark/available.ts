import { useQuery } from '@tanstack/react-query'
import { settingsQuery } from '@/api/queries'

/** Benchmarks are a demo tool. Hidden only once the server has said that they are switched off. */
export function useBenchmarksAvailable(): boolean {
  return useQuery(settingsQuery).data?.demo_tools !== false
}
