/** What the address bar says is to be seen: a run, two runs side by side, or whatever is newest. */
export type Address = { run: string | null; compared: { a: string; b: string } | null }

export function readAddress(search: string): Address {
  const params = new URLSearchParams(search)
  const [a, b] = [params.get('a'), params.get('b')]
  return { run: params.get('run'), compared: a && b ? { a, b } : null }
}
