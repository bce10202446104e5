import { Gauge } from 'lucide-react'
import { readRateLimit } from '@/api/rateLimits'
import type { Check } from '../check'
import { post, type Answer } from '../http'

const AT_ONCE = 10
const REQUESTS_MAX = 1_000

export const rateLimit: Check = {
  id: 'rate-limit',
  title: 'Rate limit',
  claim:
    'At most as many requests as the limit are let through per minute; the next one is told how long to wait. The burst sends an invalid body, so nothing is created.',
  icon: Gauge,
  unavailable: (settings) =>
    settings.rate_limit_sync === 'off'
      ? 'The rate limit of /api/sync is switched off here (RATE_LIMIT_SYNC=off), so there is nothing to test.'
      : null,
  async run({ settings, step, show, signal }) {
    const limit = Number.parseInt(settings.rate_limit_sync, 10)
    const { passed, refused } = await burst(Math.min(limit + AT_ONCE, REQUESTS_MAX), signal, (count) =>
      step({ label: 'Let through', expected: `at most ${limit}`, observed: `${count} so far`, ok: null }),
    )
    step({
      label: 'Let through',
      expected: `at most ${limit} (fewer if some were already used this minute)`,
      observed: String(passed),
      ok: passed <= limit,
    })
    const retryAfter = refused?.headers.get('Retry-After')
    step({
      label: 'Then refused',
      expected: '429 with Retry-After in seconds',
      observed: refused ? `429, Retry-After: ${retryAfter} s` : 'nothing was refused',
      ok: refused !== null && Number(retryAfter) > 0,
    })
    if (!refused) return
    const state = readRateLimit(new Response(null, { status: 429, headers: refused.headers }), Date.now())
    step({
      label: 'Headers',
      expected: `X-RateLimit-Limit: ${limit}, -Remaining: 0, -Reset: a future time`,
      observed: state
        ? `${state.limit}, ${state.remaining}, ${new Date(state.resetAt).toLocaleTimeString('en-GB')}`
        : 'missing',
      ok: state?.limit === limit && state.remaining === 0 && state.resetAt > Date.now() - 1_000,
    })
    if (state) show({ kind: 'limit', limit: state })
  },
}

async function burst(most: number, signal: AbortSignal, onCount: (passed: number) => void) {
  let passed = 0
  let refused: Answer | null = null
  for (let sent = 0; sent < most && !refused && !signal.aborted; sent += AT_ONCE) {
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, () => post('/api/sync', { num_transactions: 0 })),
    )
    passed += answers.filter((answer) => answer.status !== 429).length
    refused = answers.find((answer) => answer.status === 429) ?? null
    onCount(passed)
  }
  return { passed, refused }
}
