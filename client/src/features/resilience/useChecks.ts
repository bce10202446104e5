import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { settingsQuery } from '@/api/queries'
import { keepResults, keptResults } from './scorecard'
import { idle, verdict, withStep, type Check, type CheckState } from './check'

export type Checks = {
  states: Record<string, CheckState>
  busy: boolean
  run: (checks: Check[]) => void
}

/** Runs checks one after the other: they share the demo receiver and the rate limit. */
export function useChecks(): Checks {
  const client = useQueryClient()
  const [states, setStates] = useState<Record<string, CheckState>>(keptResults)
  const [busy, setBusy] = useState(false)
  const leaving = useRef<AbortController | null>(null)
  useEffect(() => () => leaving.current?.abort(), [])
  useEffect(() => keepResults(states), [states])

  const change = useCallback((id: string, next: (old: CheckState) => Partial<CheckState>) => {
    setStates((old) => {
      const state = old[id] ?? idle
      return { ...old, [id]: { ...state, ...next(state) } }
    })
  }, [])

  const runOne = useCallback(
    async (check: Check, signal: AbortSignal) => {
      change(check.id, () => ({ ...idle, status: 'running' }))
      try {
        const settings = await client.fetchQuery(settingsQuery)
        const note = check.unavailable(settings)
        if (note) return change(check.id, () => ({ status: 'unavailable', note }))
        await check.run({
          settings,
          signal,
          step: (step) => change(check.id, ({ steps }) => ({ steps: withStep(steps, step) })),
          show: (evidence) => change(check.id, () => ({ evidence })),
        })
        change(check.id, ({ steps }) => ({ status: verdict(steps) }))
      } catch (error) {
        if (!signal.aborted) change(check.id, () => ({ status: 'broken', error }))
      }
    },
    [client, change],
  )

  const run = useCallback(
    (checks: Check[]) => {
      leaving.current = new AbortController()
      const { signal } = leaving.current
      setBusy(true)
      const all = checks.reduce(
        (before, check) => before.then(() => runOne(check, signal)),
        Promise.resolve(),
      )
      void all.finally(() => setBusy(false))
    },
    [runOne],
  )
  return { states, busy, run }
}
