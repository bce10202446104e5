import { session } from '@/lib/session'
import { api, unwrap } from './client'

/** A stream that waits longer for its ticket tries again. */
const TICKET_WITHIN_MS = 4_000

/**
 * The address of a live stream. A browser sends no header there: with a key the address gets a ticket, good once.
 *
 * Where there is no ticket to be had an empty one is sent: the server refuses the stream, and it is tried again. Without
 * any it would be the stream of callers without a key.
 */
export function addressOf(url: string): string | Promise<string> {
  return session.state.get().key === null ? url : withTicket(url)
}

async function withTicket(url: string): Promise<string> {
  try {
    const signal = AbortSignal.timeout(TICKET_WITHIN_MS)
    const { ticket } = await unwrap(api.POST('/api/ws/tickets', { signal }))
    return `${url}?ticket=${encodeURIComponent(ticket)}`
  } catch {
    return `${url}?ticket=`
  }
}
