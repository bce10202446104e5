import { useStore } from '@/hooks/useStore'
import { runsOfSession, type Run } from './runs'
import { runStore } from './runStore'

/** The run that was clicked, else the newest one. */
export function useSelectedRun(): Run | null {
  const state = useStore(runStore)
  return state.runs.find((run) => run.key === state.selected) ?? runsOfSession(state).at(-1) ?? null
}
