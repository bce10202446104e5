import { lostContactAt, serverTime } from '@/lib/contact'
import { useFrameNow, useNow } from './useNow'
import { useStore } from './useStore'

/** When the server was last heard of while it is away; null while it is there. */
export function useLostContact(): number | null {
  return useStore(lostContactAt)
}

/** Like `useNow`, for what the server does: it stops while the connection is lost. */
export function useServerNow(everyMs: number, active = true): number {
  const lostAt = useLostContact()
  return serverTime(useNow(everyMs, active && lostAt === null), lostAt)
}

/** Like `useFrameNow`, for what the server does: it stops while the connection is lost. */
export function useServerFrameNow(active: boolean): number {
  const lostAt = useLostContact()
  return serverTime(useFrameNow(active && lostAt === null), lostAt)
}
