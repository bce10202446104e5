import type { QueryClient } from '@tanstack/react-query'
import { applyBatch } from '@/api/cache'
import { describe } from '@/components/ErrorState'
import { emptyBatch } from '@/api/events'
import { formatCount } from '@/lib/format'
import { createStore } from '@/lib/store'
import { showToast } from '@/lib/toasts'
import { send } from '@/api/client'
import { deleteRequest } from './queries'

/** How long a deletion can be taken back: until then the rows are only hidden. */
const UNDO_MS = 6_000
const AT_ONCE = 4

export const hiddenRequests = createStore<ReadonlySet<string>>(new Set())

/** Hide the requests now, delete them when nobody took it back. Leaving the page deletes at once. */
export function deleteWithUndo(client: QueryClient, ids: string[]): void {
  hide(ids)
  const now = () => {
    clearTimeout(timer)
    removeEventListener('pagehide', leave)
  }
  const leave = () =>
    ids.forEach((id) => void send(new Request(`/api/requests/${id}`, { method: 'DELETE', keepalive: true })))
  const timer = setTimeout(() => {
    now()
    void deleteAll(client, ids)
  }, UNDO_MS)
  addEventListener('pagehide', leave)
  const undo = () => {
    now()
    unhide(ids)
  }
  showToast(
    {
      tone: 'plain',
      text: `Deleted ${formatCount(ids.length, 'request')}.`,
      action: { label: 'Undo', run: undo },
    },
    UNDO_MS,
  )
}

async function deleteAll(client: QueryClient, ids: string[]): Promise<void> {
  const waiting = [...ids]
  const failures: unknown[] = []
  const deleteNext = async () => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      await deleteRequest(id).then(
        () => forget(client, id),
        (error: unknown) => failures.push(error),
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, deleteNext))
  unhide(ids)
  if (failures.length > 0) {
    const { title, detail } = describe(failures[0])
    showToast({
      tone: 'bad',
      text: `${formatCount(failures.length, 'request')} not deleted. ${title}: ${detail}`,
    })
  }
}

function forget(client: QueryClient, id: string): void {
  const batch = emptyBatch()
  batch.deleted.add(id)
  applyBatch(client, batch)
}

function hide(ids: string[]): void {
  hiddenRequests.set(new Set([...hiddenRequests.get(), ...ids]))
}

function unhide(ids: string[]): void {
  hiddenRequests.set(new Set([...hiddenRequests.get()].filter((id) => !ids.includes(id))))
}
