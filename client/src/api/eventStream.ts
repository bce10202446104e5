import type { LiveEvent } from './events'

type Listener = {
  /** It speaks, or does so again; if it is new, what happened before is not known. */
  begin: (isNew: boolean) => void
  take: (event: LiveEvent) => void
  /** It broke; the browser comes back by itself, and is told what it missed. */
  lose: () => void
  /** It was refused and does not come back. */
  end: () => void
}

/** The live stream as Server-Sent Events. What was missed after a break comes by itself, or `resync` does. */
export function createEventStream(url: string, { begin, take, lose, end }: Listener) {
  let source: EventSource | null = null
  let speaks = false
  const stop = () => {
    source?.close()
    source = null
    speaks = false
  }
  const start = () => {
    if (source !== null) return
    const mine = new EventSource(url)
    source = mine
    let isNew = true
    mine.addEventListener('message', ({ data }) => {
      if (!speaks) {
        speaks = true
        begin(isNew)
        isNew = false
      }
      take(JSON.parse(String(data)) as LiveEvent)
    })
    mine.addEventListener('error', () => {
      const spoke = speaks
      speaks = false
      if (mine.readyState === EventSource.CLOSED) {
        stop()
        end()
      } else if (spoke) {
        lose()
      }
    })
  }
  return { start, stop, speaks: () => speaks }
}
