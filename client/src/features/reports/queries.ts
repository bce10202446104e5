import { queryOptions } from '@tanstack/react-query'
import { ProblemError, send } from '@/api/client'
import { parseCsv, parseCsvHead } from '@/lib/csv'

/** Larger reports are shown by their first rows only: reading them whole would make the page stutter. */
const WHOLE_REPORT_BYTES = 2 * 1_024 * 1_024
const HEAD_BYTES = 16 * 1_024

export type ReportRows = { rows: string[][]; whole: boolean }

export const reportQuery = (url: string, sizeBytes: number) =>
  queryOptions({
    queryKey: ['report', url],
    queryFn: ({ signal }) => readReport(url, sizeBytes <= WHOLE_REPORT_BYTES, signal),
    staleTime: Infinity,
    gcTime: 60_000,
  })

async function readReport(url: string, whole: boolean, signal: AbortSignal): Promise<ReportRows> {
  const headers: Record<string, string> = whole ? {} : { Range: `bytes=0-${HEAD_BYTES - 1}` }
  // The page may not read another origin, where a redirect could lead.
  const address = new URL(url, location.origin)
  address.searchParams.set('redirect', 'false')
  const response = await send(new Request(address, { headers, signal }))
  const text = await response.text()
  if (!response.ok) throw new ProblemError(response, jsonOrNull(text))
  return { rows: response.status === 206 ? parseCsvHead(text) : parseCsv(text), whole }
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
