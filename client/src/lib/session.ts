import { createStore } from './store'

/** What a key lets its holder do. */
export const SCOPES = ['read', 'submit', 'submit:high', 'manage', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** `refusal`: why the server does not answer, as the end of the problem's type, such as `key-expired`. */
export type Session = { key: string | null; refusal: string | null }

type World = {
  /** Of the tab: no other one reads it. A browser copies it to a duplicate of the tab, and back to one reopened. */
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'clear'>
  /** Load the page anew, where it is or at its start: whatever is in memory is gone. */
  reload: (where: 'here' | 'start') => void
}

const KEY = 'api-key'
const REFUSAL = 'api-key-refusal'

/** The key of this tab. A change of it loads the page anew, so that nothing of an account stays in memory. */
export function createSession({ storage, reload }: World) {
  const state = createStore<Session>({ key: storage.getItem(KEY), refusal: storage.getItem(REFUSAL) })
  return {
    state,
    enter(key: string) {
      storage.clear()
      storage.setItem(KEY, key)
      reload('here')
    },
    leave() {
      storage.clear()
      reload('start')
    },
    /** A call with a key, or with none, was refused. What was sent before the key changed says nothing. */
    refuse(refusal: string, sent: string | null) {
      const now = state.get()
      if (now.refusal !== null || now.key !== sent) return
      state.set({ key: null, refusal })
      if (sent === null) return
      storage.clear()
      storage.setItem(REFUSAL, refusal)
      reload('here')
    },
    /** Whether the page was shown again as it had been with another key. */
    isStale: () => storage.getItem(KEY) !== state.get().key,
  }
}

/** What the key of this tab permits; null while that is not known, and without a key. */
export const grants = createStore<readonly Scope[] | null>(null)

/** Why something cannot be done with this key; null where it can, or nobody knows. */
export function lackOf(scope: Scope | undefined, granted: readonly Scope[] | null): string | null {
  if (scope === undefined || granted === null || granted.includes(scope)) return null
  return `This needs the scope ${scope}, which your key lacks.`
}

export const session = createSession({
  storage: storageOfTab(),
  reload: (where) => (where === 'here' ? location.reload() : location.replace('/')),
})

// A page that the browser kept when it was left comes back with what it had in memory.
globalThis.addEventListener?.('pageshow', ({ persisted }) => {
  if (persisted && session.isStale()) location.reload()
})

function storageOfTab(): World['storage'] {
  try {
    return sessionStorage
  } catch {
    const blocked = () => {
      throw new Error('This browser blocks storage for this page, so it cannot keep a key.')
    }
    return { getItem: () => null, setItem: blocked, removeItem: () => undefined, clear: () => undefined }
  }
}
