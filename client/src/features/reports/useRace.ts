import { useQueries } from '@tanstack/react-query'
import { useMemo } from 'react'
import { isFinal, logsQuery, requestQuery } from '@/api/queries'
import { useStore } from '@/hooks/useStore'
import { laneOf, type Lane } from './lanes'
import { runsOfSession } from './runs'
import { runStore } from './runStore'

/** The stream tells most changes; asking now and then heals what it may have missed. */
const ASK_AGAIN_MS = 1_500

export type Race = {
  lanes: Lane[]
  active: boolean
  /** When the last run ended; Infinity while one goes on, 0 when there is none. */
  endedAt: number
}

/** The lanes of the current session, kept up to date until each has ended. */
export function useRace(): Race {
  const state = useStore(runStore)
  const runs = useMemo(() => runsOfSession(state), [state])
  const known = runs.filter((run) => run.requestId !== null)
  const details = useQueries({
    queries: known.map((run) => ({
      ...requestQuery(run.requestId ?? ''),
      refetchInterval: ({ state: { data } }: { state: { data?: Parameters<typeof isFinal>[0] } }) =>
        data && isFinal(data) ? false : ASK_AGAIN_MS,
    })),
  })
  const logs = useQueries({
    queries: known.map((run, index) => {
      const detail = details[index]?.data
      const open = detail !== undefined && !isFinal(detail)
      return {
        ...logsQuery(run.requestId ?? ''),
        enabled: run.mode === 'async' && detail?.completed_at != null,
        refetchInterval: open ? ASK_AGAIN_MS : false,
      }
    }),
  })
  const lanes = runs.map((run) => {
    const index = known.indexOf(run)
    return laneOf(run, { detail: details[index]?.data, logs: logs[index]?.data?.logs })
  })
  const ends = lanes.map((lane) => lane.endedAt ?? Infinity)
  return { lanes, active: ends.includes(Infinity), endedAt: Math.max(0, ...ends) }
}
