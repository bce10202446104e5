import type { HttpCall } from '@/lib/curl'
import type { Operation } from './openapi'

/** What an operation does that nobody should do by mistake; null for one that is harmless. */
export type Danger = { button: string; question: string; consequence: string }

const SIMULATION = '/api/callbacks/simulate-failures'

const consequences: Record<string, string> = {
  'DELETE /api/requests':
    'This deletes every request with its file and its callback log. Queued requests will never run. This cannot be undone.',
  'DELETE /api/requests/{request_id}':
    'This deletes the request with its file and its callback log. This cannot be undone.',
  'DELETE /api/callbacks/history': 'This deletes what the demo receiver remembers. This cannot be undone.',
  'DELETE /api/benchmark/runs/{run_id}': 'This deletes the run and its figures. This cannot be undone.',
  [`POST ${SIMULATION}`]:
    'The demo receiver will answer like this for everyone, in every tab, until it is switched back.',
}

/** Every DELETE asks, whether it is known here or not; so does what makes the demo receiver fail for everyone. */
export function dangerOf({ method, path, summary }: Operation): Danger | null {
  if (method !== 'DELETE' && !(method === 'POST' && path === SIMULATION)) return null
  const button = method === 'DELETE' ? sentenceCase(summary) : 'Change the demo receiver'
  return {
    button,
    question: `${button}?`,
    consequence:
      consequences[`${method} ${path}`] ?? 'This deletes data on the server. This cannot be undone.',
  }
}

/** `Delete All Requests` is `Delete all requests`. */
export function sentenceCase(title: string): string {
  return title.charAt(0) + title.slice(1).toLowerCase()
}

/** What is wrong with a body that is not JSON, or null. */
export function jsonProblem(call: HttpCall): string | null {
  if (call.body === undefined) return null
  try {
    JSON.parse(call.body)
    return null
  } catch (error) {
    return `This is not valid JSON: ${error instanceof Error ? error.message : String(error)}`
  }
}
