/** How far the server's clock is ahead of this machine's, and how exactly that is known. */
export type ClockOffset = { ms: number; uncertainMs: number; agrees: boolean }

/** Times on the wire are cut to milliseconds somewhere on both sides. */
const ROUNDING_MS = 3

/**
 * The server stamped the request while this page waited for the answer. If the stamp lies within that time the
 * clocks agree as far as anyone can tell; else half of the round trip is the best guess.
 */
export function clockOffset(sentAt: number, answeredAt: number, createdAt: string): ClockOffset {
  const stamped = new Date(createdAt).getTime()
  const halfTripMs = (answeredAt - sentAt) / 2
  if (stamped >= sentAt - ROUNDING_MS && stamped <= answeredAt + ROUNDING_MS) {
    return { ms: 0, uncertainMs: halfTripMs, agrees: true }
  }
  return { ms: stamped - (sentAt + halfTripMs), uncertainMs: halfTripMs, agrees: false }
}
