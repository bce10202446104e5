import type uPlot from 'uplot'
import type { AsyncSide } from '@/api/types'

/** One series for each receiver: the moment it was sent in s, then the time to callback in ms. */
export function scatterData(scatter: AsyncSide['scatter'], receivers: number): uPlot.AlignedData {
  const dots = scatter.toSorted(([one], [other]) => one - other)
  const series = Array.from({ length: Math.max(1, receivers) }, (_, index) =>
    dots.map(([, ms, receiver]) => (receiver === index ? ms : null)),
  )
  return [dots.map(([sentAt]) => sentAt / 1_000), ...series]
}

/** What the dots say as a whole, for those who do not see them. */
export function describeScatter(scatter: AsyncSide['scatter']): { first: number; last: number } | null {
  const dots = scatter.toSorted(([one], [other]) => one - other)
  const [first, last] = [dots[0], dots.at(-1)]
  return first && last ? { first: first[1], last: last[1] } : null
}
