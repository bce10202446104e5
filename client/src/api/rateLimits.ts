import { createStore } from '@/lib/store'

export type RateLimit = {
  limit: number
  remaining: number
  /** When the window is free again, in milliseconds since 1970. */
  resetAt: number
  /** Until when the server said to wait; null while requests are let through. */
  blockedUntil: number | null
}

type Limits = Readonly<Record<string, RateLimit>>

const store = createStore<Limits>({})

/** What the server last said about each route's limit. */
export const rateLimits = {
  ...store,
  observe(path: string, response: Response): void {
    const limit = readRateLimit(response, Date.now())
    if (!limit) return
    store.set({ ...store.get(), [path]: limit })
    if (limit.blockedUntil !== null) setTimeout(() => unblock(path), limit.blockedUntil - Date.now())
  },
}

function unblock(path: string): void {
  const limit = store.get()[path]
  if (limit?.blockedUntil && limit.blockedUntil <= Date.now()) {
    store.set({ ...store.get(), [path]: { ...limit, blockedUntil: null } })
  }
}

export function readRateLimit(response: Response, now: number): RateLimit | null {
  const header = (name: string) => Number(response.headers.get(name) ?? Number.NaN)
  const limit = header('X-RateLimit-Limit')
  const resetAt = header('X-RateLimit-Reset') * 1000
  const retryAfter = header('Retry-After') * 1000
  if (!Number.isFinite(limit) || !Number.isFinite(resetAt)) return null
  const blockedUntil =
    response.status === 429 ? (Number.isFinite(retryAfter) ? now + retryAfter : resetAt) : null
  return { limit, remaining: header('X-RateLimit-Remaining'), resetAt, blockedUntil }
}
