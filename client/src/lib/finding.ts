import { paths } from './paths'

const ID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** Where typed text leads to: a request by its id, else a search of the history. */
export function findingOf(typed: string): { name: string; to: string } | null {
  const text = typed.trim()
  if (text === '') return null
  if (ID.test(text)) return { name: `Open request ${text}`, to: paths.request(text.toLowerCase()) }
  return {
    name: `Search the history for “${text}”`,
    to: `${paths.history}?${new URLSearchParams({ q: text })}`,
  }
}
