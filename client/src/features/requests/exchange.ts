import type { CallbackLog } from '@/api/types'
import { toCurl } from '@/lib/curl'

type Sent = NonNullable<CallbackLog['request']>

/** An attempt's request as it went over the wire, but for what only frames it. */
export function sentText({ url, headers, body }: Sent): string {
  return message(`POST ${url}`, headers, body === null ? null : indented(body))
}

/** What came back; null when nothing did. */
export function receivedText({ status_code: status, response }: CallbackLog): string | null {
  if (response === null) return null
  return message(`HTTP ${status ?? ''}`.trim(), response.headers, response.excerpt)
}

/** The same message to the same receiver; null when the body is not known any more. */
export function curlToReceiver({ url, headers, body }: Sent): string | null {
  return body === null ? null : toCurl({ method: 'POST', url, headers, body })
}

function message(start: string, headers: Record<string, string>, body: string | null): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [start, ...lines, ...(body ? ['', body] : [])].join('\n')
}

/** Easier to read; what is copied as curl stays byte for byte, because it is signed. */
function indented(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2)
  } catch {
    return body
  }
}
