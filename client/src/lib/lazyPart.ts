import { lostContactAt } from './contact'
import { createStore, type Store } from './store'

export type LazyState<T> =
  | { status: 'loading'; value: null; error: null }
  | { status: 'ready'; value: T; error: null }
  | { status: 'failed'; value: null; error: unknown }

export type LazyPart<T> = { state: Store<LazyState<T>>; load: () => Promise<void> }

type World = {
  contact: Pick<Store<number | null>, 'get' | 'subscribe'>
  /** Load the whole page again: the file is gone, as after a deploy. Does nothing when it was done a moment ago. */
  reload: () => void
  /** Before it is tried a second time. */
  pause: () => Promise<void>
}

/**
 * A part of the page that comes in a file of its own. What failed because the server was away is imported again, with
 * a new promise, once it is back; what fails although the server is there is gone, and the page is loaded anew.
 */
export function createLazyPart<T>(
  importIt: () => Promise<T>,
  { contact, reload, pause }: World,
): LazyPart<T> {
  const state = createStore<LazyState<T>>({ status: 'loading', value: null, error: null })
  let running: Promise<void> | null = null
  let failures = 0

  const attempt = async () => {
    if (state.get().status === 'failed') state.set({ status: 'loading', value: null, error: null })
    try {
      state.set({ status: 'ready', value: await importIt(), error: null })
    } catch (error) {
      failures += 1
      state.set({ status: 'failed', value: null, error })
      if (contact.get() !== null) return
      if (failures > 1) reload()
      else void pause().then(load)
    } finally {
      running = null
    }
  }
  const load = () => {
    if (state.get().status === 'ready') return Promise.resolve()
    running ??= attempt()
    return running
  }
  contact.subscribe(() => {
    if (contact.get() === null && state.get().status === 'failed') void load()
  })
  return { state, load }
}

const TRY_AGAIN_MS = 1_000
const RELOADED_KEY = 'reloaded-for-new-files'
/** Reloading more often than this would be a loop, not a remedy. */
const RELOAD_AGAIN_MS = 60_000

async function reloadOnce(): Promise<void> {
  try {
    const last = Number(sessionStorage.getItem(RELOADED_KEY) ?? 0)
    if (Date.now() - last < RELOAD_AGAIN_MS) return
    // A server that is away would leave the browser's own error page behind.
    if (!(await fetch('/api/health/live')).ok) return
    sessionStorage.setItem(RELOADED_KEY, String(Date.now()))
    location.reload()
  } catch {
    // No answer; or no storage, without which nobody could tell a first reload from a tenth.
  }
}

const known = new Set<() => Promise<void>>()
let isIdle = false

/** Register a part, so that it can be fetched before anybody asks for it. */
export function lazyPart<T>(importIt: () => Promise<T>): LazyPart<T> {
  const part = createLazyPart(importIt, {
    contact: lostContactAt,
    reload: () => void reloadOnce(),
    pause: () => new Promise((done) => setTimeout(done, TRY_AGAIN_MS)),
  })
  known.add(part.load)
  if (isIdle) void part.load()
  return part
}

/** Fetch every part once nothing else is to be done, so that a click needs no server; not for those who save data. */
export function prefetchWhenIdle(): void {
  const { connection } = navigator as Navigator & { connection?: { saveData?: boolean } }
  if (connection?.saveData) return
  const fetchAll = () => {
    isIdle = true
    for (const load of known) void load()
  }
  if ('requestIdleCallback' in globalThis) requestIdleCallback(fetchAll, { timeout: 5_000 })
  else setTimeout(fetchAll, 2_000)
}
