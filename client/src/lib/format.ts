const count = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const perSecond = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 })
const exact = new Intl.DateTimeFormat('en-GB', {
  year: 'numeric',
  month: 'short',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  timeZoneName: 'short',
})
const timeOfDay = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
})
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

export function formatCount(value: number, one: string, many = `${one}s`): string {
  return `${count.format(value)} ${value === 1 ? one : many}`
}

export function formatNumber(value: number): string {
  return count.format(value)
}

/** Milliseconds below a second, then seconds with three digits, minutes, hours. Always with its unit. */
export function formatDuration(ms: number): string {
  if (ms > 0 && ms < 0.95) return '< 1 ms'
  if (ms < 999.5) return `${count.format(ms)} ms`
  if (ms < 9_995) return `${(ms / 1_000).toFixed(2)} s`
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1_000)} s`
  return `${Math.floor(ms / 3_600_000)} h ${Math.floor((ms % 3_600_000) / 60_000)} min`
}

/** Three digits below a second, for times that are compared; longer ones as everywhere. */
export function formatLatency(ms: number): string {
  if (ms >= 999.5) return formatDuration(ms)
  const decimals = ms < 9.995 ? 2 : ms < 99.95 ? 1 : 0
  return `${ms.toFixed(decimals)} ms`
}

/** `1,358 / s`, `69.2 / s`. */
export function formatRate(value: number): string {
  return `${value < 1_000 ? perSecond.format(Number(value.toPrecision(3))) : count.format(value)} / s`
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return formatCount(bytes, 'byte')
  if (bytes < 1_024 ** 2) return `${(bytes / 1_024).toFixed(1)} KiB`
  return `${(bytes / 1_024 ** 2).toFixed(1)} MiB`
}

export function formatExact(at: string | number): string {
  return exact.format(new Date(at))
}

const dayAndTime = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})

export function formatDayAndTime(at: string | number): string {
  return dayAndTime.format(new Date(at))
}

export function formatTimeOfDay(at: string | number): string {
  return timeOfDay.format(new Date(at))
}

export function formatRelative(at: string | number, now: number): string {
  const seconds = Math.round((new Date(at).getTime() - now) / 1_000)
  const size = Math.abs(seconds)
  if (size < 5) return 'just now'
  if (size < 60) return relative.format(seconds, 'second')
  if (size < 3_600) return relative.format(Math.round(seconds / 60), 'minute')
  if (size < 86_400) return relative.format(Math.round(seconds / 3_600), 'hour')
  return relative.format(Math.round(seconds / 86_400), 'day')
}

/** Whole seconds left, rounded up: a countdown that shows 0 is over. */
export function secondsLeft(until: number, now: number): number {
  return Math.max(0, Math.ceil((until - now) / 1_000))
}

/** `2.3×` for small ratios, whole numbers with separators for large ones. */
export function formatRatio(ratio: number): string {
  return `${ratio < 10 ? ratio.toFixed(1) : count.format(ratio)}×`
}

/** A decimal string as the API sends it, with separators; never turned into a float. */
export function formatMoney(amount: string, currency: string): string {
  return `${groupDigits(amount)} ${currency}`
}

/** `5604.54` is `5,604.54`. */
export function groupDigits(amount: string): string {
  const [whole = '0', fraction] = amount.split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

export function shortId(id: string): string {
  return id.slice(0, 8)
}
