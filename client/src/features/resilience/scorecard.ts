import type { Check, CheckState } from './check'

const words: Record<CheckState['status'], string> = {
  idle: 'not run',
  running: 'running',
  held: 'PASSED',
  broken: 'FAILED',
  unavailable: 'not available here',
}

/** The results as a file for a colleague: each claim, and what was expected and observed. */
export function scorecard(
  checks: Pick<Check, 'id' | 'title' | 'claim'>[],
  states: Record<string, CheckState>,
  origin: string,
  now: Date,
): string {
  const ran = checks.flatMap((check) => {
    const state = states[check.id]
    return state && state.status !== 'idle' ? [{ check, state }] : []
  })
  const passed = ran.filter(({ state }) => state.status === 'held').length
  const head = `Resilience tests of ${origin}, ${now.toISOString()}: ${passed} of ${ran.length} passed`
  return [head, ...ran.map(({ check, state }) => section(check, state))].join('\n\n') + '\n'
}

function section(
  { title, claim }: Pick<Check, 'title' | 'claim'>,
  { status, steps, note }: CheckState,
): string {
  const lines = steps.flatMap((step) => [
    `  ${step.ok ? '[ok]' : '[--]'} ${step.label}`,
    `       expected ${step.expected}`,
    `       observed ${step.observed}`,
  ])
  return [`${title}: ${words[status]}`, `  ${claim}`, ...(note ? [`  ${note}`] : []), ...lines].join('\n')
}

const KEY = 'resilience-results'

type Kept = Record<string, CheckState>

/** Results survive a reload of this tab; what broke off with an error, or was still running, does not. */
export function keepResults(states: Kept): void {
  const kept = Object.entries(states).filter(
    ([, { status, error }]) => status !== 'running' && error === null,
  )
  try {
    sessionStorage.setItem(
      KEY,
      JSON.stringify(Object.fromEntries(kept.map(([id, state]) => [id, withoutSecrets(state)]))),
    )
  } catch {
    // Storage may be off or full; the results then last as long as the page.
  }
}

/** The signing secret is no result. */
function withoutSecrets(state: CheckState): CheckState {
  return state.evidence?.kind === 'signature' ? { ...state, evidence: null } : state
}

export function keptResults(): Kept {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? '{}')
    return typeof kept === 'object' && kept !== null ? (kept as Kept) : {}
  } catch {
    return {}
  }
}
