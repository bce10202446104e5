import type { CallbackCheck } from '@/api/types'
import { formatDuration } from '@/lib/format'

export function brokenRule({ checks }: CallbackCheck): CallbackCheck['checks'][number] | null {
  return checks.find(({ passed }) => passed === false) ?? null
}

type Ping = NonNullable<CallbackCheck['ping']>

/** How the one message went, and where its time went. */
export function describePing(ping: Ping): { good: boolean; text: string } {
  const parts = [
    ['name lookup', ping.dns_ms],
    ['connection', ping.connect_ms],
    ['TLS', ping.tls_ms],
    ['first byte', ping.first_byte_ms],
  ] as const
  const times = parts.flatMap(([name, ms]) => (ms === null ? [] : [`${name} ${formatDuration(ms)}`]))
  const told = times.length > 0 ? ` (${times.join(', ')})` : ''
  const good = ping.error_code === null
  if (ping.status === null) return { good, text: `The receiver did not respond: ${ping.error_code}${told}.` }
  return { good, text: `The receiver answered ${ping.status}${told}.` }
}
