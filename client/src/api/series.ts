import type { CallbackLog, RequestDetail } from './types'

/** The attempts of one delivery: the first one, or one that was asked for by hand. */
export type Series = {
  logs: CallbackLog[]
  /** When it was asked for by hand; null for the first one, and for an earlier one whose time is not kept. */
  redeliveredAt: string | null
  byHand: boolean
}

/** After this attempt no other one follows by itself: it was acknowledged, refused for good, or the last one. */
export function isLastOfSeries(log: CallbackLog): boolean {
  return log.success || log.next_attempt_at === null
}

/** Cut the log where somebody asked for another delivery. The server remembers when for the last of them. */
export function seriesOf(
  detail: Pick<RequestDetail, 'callback_redelivered_at'>,
  logs: CallbackLog[],
): Series[] {
  const series: Series[] = [{ logs: [], redeliveredAt: null, byHand: false }]
  for (const log of logs) {
    const current = series.at(-1)
    const before = current?.logs.at(-1)
    if (before && isLastOfSeries(before)) series.push({ logs: [log], redeliveredAt: null, byHand: true })
    else current?.logs.push(log)
  }
  const last = series.at(-1)
  const at = detail.callback_redelivered_at
  if (!last || at === null) return series
  const begun = last.logs[0]?.attempted_at
  const isWaiting = last.logs.length > 0 && begun !== undefined && Date.parse(begun) < Date.parse(at)
  if (isWaiting) series.push({ logs: [], redeliveredAt: at, byHand: true })
  else Object.assign(last, { redeliveredAt: at, byHand: true })
  return series
}
