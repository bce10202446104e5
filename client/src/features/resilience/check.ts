import type { LucideIcon } from 'lucide-react'
import type { RateLimit } from '@/api/rateLimits'
import type { CallbackLog, Settings } from '@/api/types'

/** One thing that was expected, and what was seen instead. `ok` is null while it is being found out. */
export type Step = { label: string; expected: string; observed: string; ok: boolean | null }

/** What a card shows besides the steps. */
export type Evidence =
  | { kind: 'attempts'; requestId: string; logs: CallbackLog[] }
  | { kind: 'limit'; limit: RateLimit }
  | { kind: 'signature'; message: SignedMessage }

export type SignedMessage = { id: string; timestamp: string; signature: string; body: string; secret: string }

export type CheckContext = {
  settings: Settings
  signal: AbortSignal
  step: (step: Step) => void
  show: (evidence: Evidence) => void
}

export type Check = {
  id: string
  title: string
  claim: string
  icon: LucideIcon
  /** Why it cannot be run with these settings; null when it can. */
  unavailable: (settings: Settings) => string | null
  run: (context: CheckContext) => Promise<void>
}

export type CheckState = {
  status: 'idle' | 'running' | 'held' | 'broken' | 'unavailable'
  steps: Step[]
  evidence: Evidence | null
  /** Why it ended before it was done. */
  error: unknown
  note: string | null
}

export const idle: CheckState = { status: 'idle', steps: [], evidence: null, error: null, note: null }

export function needsDemoReceiver(settings: Settings): string | null {
  if (settings.demo_tools && settings.demo_receiver_url) return null
  return 'This server has its demo receiver switched off (DEMO_TOOLS).'
}

/** A step with the same label is the same step, further on. */
export function withStep(steps: Step[], step: Step): Step[] {
  const known = steps.some((candidate) => candidate.label === step.label)
  return known
    ? steps.map((candidate) => (candidate.label === step.label ? step : candidate))
    : [...steps, step]
}

export function verdict(steps: Step[]): 'held' | 'broken' {
  return steps.length > 0 && steps.every((step) => step.ok) ? 'held' : 'broken'
}
