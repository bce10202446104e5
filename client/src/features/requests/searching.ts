import type { RequestList } from '@/api/types'

/** How many requests the server looks through for a name before it answers with what it has found. */
const SEARCHED_AT_ONCE = 10_000

type Page = Pick<RequestList, 'next_cursor'> & { requests: readonly unknown[] }

/**
 * How far a search by name has come: a page that is not full, with more to come, is one that stopped looking. Null
 * when no page did, so that what is shown is all there is up to that point.
 */
export function searchedSoFar(pages: readonly Page[], pageSize: number): number | null {
  const stopped = pages.filter((page) => page.next_cursor !== null && page.requests.length < pageSize)
  return stopped.length === 0 ? null : stopped.length * SEARCHED_AT_ONCE
}

/** Nothing was found yet, and there is more to look through: nobody scrolls an empty list, so it goes on by itself. */
export function goesOnByItself(
  found: number,
  hasMore: boolean,
  isFetching: boolean,
  failed: boolean,
): boolean {
  return found === 0 && hasMore && !isFetching && !failed
}
