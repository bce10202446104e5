import type { LiveEvent } from './events'

type Listener = {
  /** It speaks, or does so again; if it is new, what happened before is not known. */
  begin: (isNew: boolean) => void
  take: (event: LiveEvent) => void
  /** It broke and comes back by itself. */
  lose: () => void
  /** It was refused and does not come back. */
  end: () => void
}

/** With an address that is good once the page comes back by itself: after so long, at random up to twice of it. */
const AGAIN_AFTER_MS = 1_000

/**
 * The live stream as Server-Sent Events. What was missed after a break comes by itself, or `resync` does.
 *
 * `address` may be good for one stream only, and then comes later; it is asked for anew after each break.
 */
export function createEventStream(
  address: () => string | Promise<string>,
  { begin, take, lose, end }: Listener,
) {
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let isWanted = false
  let speaks = false

  const close = () => {
    source?.close()
    source = null
    speaks = false
  }
  const stop = () => {
    isWanted = false
    clearTimeout(timer)
    close()
  }
  const open = (url: string, isGoodOnce: boolean) => {
    if (!isWanted || source !== null) return
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
      if (isGoodOnce && spoke) {
        close()
        lose()
        timer = setTimeout(ask, AGAIN_AFTER_MS * (1 + Math.random()))
      } else if (mine.readyState === EventSource.CLOSED || isGoodOnce) {
        stop()
        end()
      } else if (spoke) {
        lose()
      }
    })
  }
  const ask = () => {
    const url = address()
    if (typeof url === 'string') open(url, false)
    else void url.then((given) => open(given, true))
  }
  const start = () => {
    if (isWanted) return
    isWanted = true
    ask()
  }
  return { start, stop, speaks: () => speaks }
}
