import type { QueryClient } from '@tanstack/react-query'
import { isFinal } from '@/api/queries'
import { ProblemError } from '@/api/client'
import { keys } from '@/api/keys'
import type { RequestItem } from '@/api/types'
import { formatCount } from '@/lib/format'
import { createStore } from '@/lib/store'
import { showToast } from '@/lib/toasts'
import { redeliver } from './queries'

/** A redelivery of several that is under way; null when there is none. */
export type BulkProgress = { done: number; of: number }
export const redelivering = createStore<BulkProgress | null>(null)

let stopped = false

export function stopRedelivering(): void {
  stopped = true
}

/** Only what has ended otherwise than by a cancel of the whole request can be delivered again. */
export function canRedeliver(item: Pick<RequestItem, 'status' | 'callback_status'>): boolean {
  return item.callback_status !== null && item.status !== 'CANCELLED' && isFinal(item)
}

export function redeliverable(items: readonly RequestItem[]): string[] {
  return items.filter(canRedeliver).map((item) => item.id)
}

export type BulkResult = { done: number; failures: unknown[]; left: number }

/**
 * One after the other, so that a receiver gets them in the order of acceptance, and one that is not there costs one
 * try. What is told to wait is tried again after the wait; any other refusal is counted and left.
 */
export async function oneByOne(
  ids: readonly string[],
  send: (id: string) => Promise<unknown>,
  onProgress: (done: number) => void,
  isStopped: () => boolean,
  pause: (seconds: number) => Promise<void>,
): Promise<BulkResult> {
  const failures: unknown[] = []
  let done = 0
  for (const id of ids) {
    if (isStopped()) break
    await patiently(() => send(id), pause).then(
      () => (done += 1),
      (error: unknown) => failures.push(error),
    )
    onProgress(done + failures.length)
  }
  return { done, failures, left: ids.length - done - failures.length }
}

async function patiently(
  send: () => Promise<unknown>,
  pause: (seconds: number) => Promise<void>,
): Promise<void> {
  try {
    await send()
  } catch (error) {
    if (!(error instanceof ProblemError) || error.status !== 429) throw error
    await pause(error.retryAfterS ?? 1)
    await send()
  }
}

/** Deliver the callbacks of several requests again, oldest first, and say how it went. */
export async function redeliverAll(client: QueryClient, ids: readonly string[]): Promise<void> {
  if (redelivering.get() !== null || ids.length === 0) return
  stopped = false
  redelivering.set({ done: 0, of: ids.length })
  const result = await oneByOne(
    ids.toReversed(),
    redeliver,
    (done) => redelivering.set({ done, of: ids.length }),
    () => stopped,
    (seconds) => new Promise((next) => setTimeout(next, seconds * 1_000)),
  )
  redelivering.set(null)
  showToast({ tone: result.failures.length === 0 ? 'good' : 'bad', text: describeResult(result) }, 8_000)
  await client.invalidateQueries({ queryKey: keys.requests })
}

export function describeResult({ done, failures, left }: BulkResult): string {
  const parts = [`Redelivering ${formatCount(done, 'callback')}.`]
  if (failures.length > 0) {
    const [first] = failures
    const why = first instanceof Error ? first.message : String(first)
    parts.push(`${formatCount(failures.length, 'request')} could not be redelivered: ${why}`)
  }
  if (left > 0) parts.push(`${formatCount(left, 'request')} left as they were.`)
  return parts.join(' ')
}
