import type { BenchmarkRun } from '@/api/types'

/** At most two: a third one takes the place of the one that was chosen first. */
export function chooseForComparison(chosen: string[], id: string): string[] {
  if (chosen.includes(id)) return chosen.filter((one) => one !== id)
  return [...chosen, id].slice(-2)
}

/** The chosen ones that are still there, the older one first: the newer one is judged by it. */
export function inOrder(chosen: string[], runs: Pick<BenchmarkRun, 'run_id'>[]): string[] {
  const place = (id: string) => runs.findIndex((run) => run.run_id === id)
  return chosen.filter((id) => place(id) >= 0).toSorted((one, other) => place(other) - place(one))
}
