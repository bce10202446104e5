import { createStore } from './store'

/**
 * When the connection to the server was lost, in milliseconds since 1970; null while it is there. Whatever is known of
 * the server is as old as that, so no clock that counts for it runs on.
 */
export const lostContactAt = createStore<number | null>(null)

export function loseContact(now: number): void {
  if (lostContactAt.get() === null) lostContactAt.set(now)
}

export function regainContact(): void {
  lostContactAt.set(null)
}

/** A time for counting what the server does: it stands still while nobody can know. */
export function serverTime(now: number, lostAt: number | null): number {
  return lostAt === null ? now : Math.min(now, lostAt)
}
