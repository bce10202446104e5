/** Spans the axis snaps to while a race goes on, so that it grows in steps instead of sliding. */
const STEPS = [1, 1.2, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10]
const SPAN_MIN_MS = 50
const TICKS_MAX = 6

export function niceSpan(ms: number): number {
  const wanted = Math.max(ms, SPAN_MIN_MS)
  const power = 10 ** Math.floor(Math.log10(wanted))
  const step = STEPS.find((candidate) => candidate * power >= wanted) ?? 10
  return step * power
}

export function ticks(spanMs: number): number[] {
  const rough = spanMs / TICKS_MAX
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((candidate) => candidate * power >= rough) ?? 10) * power
  return Array.from({ length: Math.floor(spanMs / step) + 1 }, (_, index) => index * step)
}

/** One unit for all of an axis. */
export function axisLabel(ms: number, spanMs: number): string {
  if (ms === 0) return '0'
  return spanMs < 1_000 ? `${ms} ms` : `${Number((ms / 1_000).toPrecision(3))} s`
}
