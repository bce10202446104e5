import { useSyncExternalStore } from 'react'

/** The address bar is the state: these few lines over the History API are all the routing five pages need. */
const CHANGED = 'app:navigated'

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to === location.pathname + location.search) return
  if (options.replace) history.replaceState(history.state, '', to)
  else history.pushState({ from: location.pathname + location.search } satisfies Entry, '', to)
  dispatchEvent(new Event(CHANGED))
}

/** What each entry of the browser's history remembers: the address it was opened from. */
type Entry = { from: string }

/** Whether going back leads to `to`, so that closing what lies over it need not add another entry. */
export function cameFrom(state: unknown, to: string): boolean {
  return typeof state === 'object' && state !== null && (state as Partial<Entry>).from === to
}

/** Close what was opened over `to`: one step back when it was opened from there, else a new address in its place. */
export function closeOver(to: string): void {
  if (cameFrom(history.state, to)) history.back()
  else navigate(to, { replace: true })
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname)
}

export function useSearch(): string {
  return useSyncExternalStore(subscribe, () => location.search)
}

function subscribe(listener: () => void): () => void {
  addEventListener('popstate', listener)
  addEventListener(CHANGED, listener)
  return () => {
    removeEventListener('popstate', listener)
    removeEventListener(CHANGED, listener)
  }
}

/** The current search with some parameters changed; null or an empty string takes one out. */
export function withSearch(search: string, changes: Record<string, string | null | undefined>): string {
  const params = new URLSearchParams(search)
  for (const [name, value] of Object.entries(changes)) {
    if (value) params.set(name, value)
    else params.delete(name)
  }
  const text = params.toString()
  return text ? `?${text}` : ''
}
