import createClient from 'openapi-fetch'
import { session } from '@/lib/session'
import type { paths } from './schema.gen'
import { rateLimits } from './rateLimits'
import type { Problem } from './types'

/** An answer that is not a success, with everything the server said about it. */
export class ProblemError extends Error {
  readonly status: number
  readonly problem: Problem & { rule?: string; scope?: string }
  readonly retryAfterS: number | null

  constructor(response: Response, body: unknown) {
    const problem = asProblem(response, body)
    super(problem.detail)
    this.name = 'ProblemError'
    this.status = response.status
    this.problem = problem
    this.retryAfterS = secondsOf(response.headers.get('Retry-After'))
  }
}

/** No answer at all: the server is away, or the network is. */
export class UnreachableError extends Error {
  constructor() {
    super('The server did not answer.')
    this.name = 'UnreachableError'
  }
}

/**
 * Send a request to this server, with the key of the tab unless it brings its own credentials.
 *
 * `fetch` is looked up at each call, so that tests can put their own in its place.
 */
export async function send(request: Request): Promise<Response> {
  const { key } = session.state.get()
  const bringsOwn = request.headers.has('Authorization') || request.headers.has('X-API-Key')
  if (key !== null && !bringsOwn) request.headers.set('Authorization', `Bearer ${key}`)
  let response: Response
  try {
    response = await globalThis.fetch(request)
  } catch (error) {
    if (request.signal.aborted) throw error
    throw new UnreachableError()
  }
  const { pathname } = new URL(request.url)
  if (response.status === 401 && !bringsOwn && pathname !== METRICS) await noteRefusal(response.clone(), key)
  rateLimits.observe(pathname, response)
  return response
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: send })

/** It may ask for a token of its own, which says nothing of the key. */
const METRICS = '/metrics'

/** Of credentials: the demo receiver refuses signatures, with the same status. */
const REFUSED = /:((?:key|token)-[a-z]+)$/

async function noteRefusal(response: Response, sent: string | null): Promise<void> {
  const problem = (await response.json().catch(() => null)) as Partial<Problem> | null
  const refusal = REFUSED.exec(problem?.type ?? '')?.[1]
  if (refusal) session.refuse(refusal, sent)
}

type Answer<T> = { data?: T; error?: unknown; response: Response }

/** The body of a success; every other answer is thrown as a ProblemError. */
export async function unwrap<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call
  if (!response.ok || data === undefined) throw new ProblemError(response, error)
  return data
}

function asProblem(response: Response, body: unknown): Problem & { rule?: string; scope?: string } {
  const given = typeof body === 'object' && body !== null ? (body as Partial<Problem>) : {}
  return {
    type: 'about:blank',
    title: response.statusText || `HTTP ${response.status}`,
    detail: `The server answered ${response.status}.`,
    instance: new URL(response.url || location.href).pathname,
    ...given,
    status: response.status,
  }
}

function secondsOf(header: string | null): number | null {
  const seconds = header === null ? Number.NaN : Number(header)
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null
}
