import type { Health } from '@/api/types'

/** What keeps the service from doing its work, as sentences; none: it is healthy. */
export function troublesOf({ database, storage, worker, callbacks, tasks }: Health): string[] {
  const found = [
    database.connected ? null : (database.error ?? 'The database is not responding.'),
    database.connected && !database.writable ? (database.error ?? 'The database rejects writes.') : null,
    storage.writable ? null : (storage.trouble ?? 'Reports cannot be stored.'),
    worker.alive ? null : 'The worker is not responding.',
    worker.trouble,
    callbacks.trouble,
    callbacks.local_trouble,
    ...tasks
      .filter((task) => task.state === 'down')
      .map(({ name, trouble, restarts }) => {
        const again = restarts > 0 ? ` (${restarts} ${restarts === 1 ? 'restart' : 'restarts'})` : ''
        return `The task “${name}” is down and being restarted${again}. ${trouble ?? ''}`.trim()
      }),
  ]
  return [...new Set(found.filter((sentence) => sentence !== null))]
}

/** What slows callbacks down although nothing is broken; null: nothing does. */
export function congestionOf({ callbacks }: Health): string | null {
  const lanes = callbacks.lanes_waiting ?? 0
  const attempts = callbacks.attempts_waiting ?? 0
  if (lanes > 0)
    return `${lanes} ${lanes === 1 ? 'receiver is' : 'receivers are'} waiting for a turn to be called.`
  return attempts > 0
    ? `${attempts} ${attempts === 1 ? 'attempt is' : 'attempts are'} waiting for a free connection.`
    : null
}
