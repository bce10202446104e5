import { Button } from '@/components/Button'

type Pages = { hasNextPage: boolean; isFetching: boolean; fetchNextPage: () => unknown }

/** Reads the next page of a list, while there is one. */
export function ShowMore({ query }: { query: Pages }) {
  if (!query.hasNextPage) return null
  return (
    <div className="border-t border-line p-3">
      <Button className="w-full" disabled={query.isFetching} onClick={() => void query.fetchNextPage()}>
        Show more
      </Button>
    </div>
  )
}
