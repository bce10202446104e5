import { send } from '@/api/client'
import type { HttpCall } from '@/lib/curl'
import type { Operation } from './openapi'

/** What is filled in, by parameter name. */
export type Values = Record<string, string>

export type Reply = {
  status: number
  statusText: string
  headers: [string, string][]
  body: string
  tookMs: number
}

/** Larger bodies are cut: this is a place to look, not to download. */
const BODY_SHOWN = 20_000

export function toCall(operation: Operation, values: Values, body: string, origin: string): HttpCall {
  const used = operation.parameters.filter((parameter) => values[parameter.name])
  const query = new URLSearchParams()
  const headers: Record<string, string> = {}
  let path = operation.path
  for (const parameter of used) {
    const value = values[parameter.name] ?? ''
    if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, encodeURIComponent(value))
    else if (parameter.in === 'query') query.set(parameter.name, value)
    else headers[parameter.name] = value
  }
  const search = query.size > 0 ? `?${query}` : ''
  const hasBody = operation.exampleBody !== null
  if (hasBody) headers['Content-Type'] = 'application/json'
  return { method: operation.method, url: origin + path + search, headers, ...(hasBody ? { body } : {}) }
}

/** The call as a sample to take along. A key is named in it, and never shown. */
export function asSample(call: HttpCall, withKey: boolean): HttpCall {
  return withKey ? { ...call, headers: { Authorization: 'Bearer YOUR_KEY', ...call.headers } } : call
}

export function missing(operation: Operation, values: Values): string[] {
  return operation.parameters
    .filter(({ required, name }) => required && !values[name])
    .map(({ name }) => name)
}

export async function perform(call: HttpCall): Promise<Reply> {
  const started = performance.now()
  const response = await send(
    new Request(call.url, { method: call.method, headers: call.headers ?? {}, body: call.body ?? null }),
  )
  const text = await response.text()
  return {
    status: response.status,
    statusText: response.statusText,
    headers: [...response.headers].toSorted(([one], [other]) => one.localeCompare(other)),
    body: pretty(text),
    tookMs: performance.now() - started,
  }
}

export function pretty(text: string): string {
  if (text.length > BODY_SHOWN)
    return `${text.slice(0, BODY_SHOWN)}\n… ${text.length - BODY_SHOWN} more characters`
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
