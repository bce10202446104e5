import { createStore } from './store'

export type Toast = {
  key: number
  text: string
  tone: 'plain' | 'good' | 'bad'
  action?: { label: string; run: () => void }
}

const SHOWN_MS = 4_000
let nextKey = 1

export const toasts = createStore<readonly Toast[]>([])

export function showToast(toast: Omit<Toast, 'key'>, shownMs = SHOWN_MS): number {
  const key = nextKey++
  toasts.set([...toasts.get(), { ...toast, key }].slice(-4))
  setTimeout(() => dismissToast(key), shownMs)
  return key
}

export function dismissToast(key: number): void {
  toasts.set(toasts.get().filter((toast) => toast.key !== key))
}
