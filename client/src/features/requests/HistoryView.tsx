import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useMemo, useState } from 'react'
import { Card } from '@/components/Card'
import { QueryView } from '@/components/QueryView'
import { useStore } from '@/hooks/useStore'
import { paths } from '@/lib/paths'
import { navigate, useSearch, withSearch } from '@/lib/router'
import { BulkBar } from './BulkBar'
import { deleteWithUndo, hiddenRequests } from './deletion'
import { FilterBar } from './FilterBar'
import { isFiltered, readFilters, readOpenRequest } from './filters'
import { NoRequests } from './NoRequests'
import { requestsQuery } from './queries'
import { RequestDrawer } from './RequestDrawer'
import { RequestTable } from './RequestTable'

/** The list, its filters, and the drawer: all three are in the address bar. */
export function HistoryView() {
  const search = useSearch()
  const filters = useMemo(() => readFilters(search), [search])
  const openId = readOpenRequest(search)
  const query = useInfiniteQuery(requestsQuery(filters))
  const hidden = useStore(hiddenRequests)
  const items = useMemo(
    () => (query.data?.pages ?? []).flatMap((page) => page.requests).filter((item) => !hidden.has(item.id)),
    [query.data, hidden],
  )
  const selection = useSelection(items.map((item) => item.id))
  const client = useQueryClient()
  const { hasNextPage, isFetching, fetchNextPage } = query
  const loadMore = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage()
  }, [hasNextPage, isFetching, fetchNextPage])
  const change = useCallback((changes: Record<string, string | null>) => {
    navigate(paths.history + withSearch(location.search, changes), { replace: true })
  }, [])
  const remove = (ids: string[]) => {
    selection.clear()
    deleteWithUndo(client, ids)
  }

  return (
    <>
      <Card>
        <FilterBar filters={filters} onChange={change} />
        <BulkBar
          count={items.length}
          complete={!hasNextPage}
          selected={selection.ids}
          onDelete={() => remove([...selection.ids])}
          onClear={selection.clear}
        />
        <QueryView query={query} height={480}>
          {() =>
            items.length === 0 ? (
              <NoRequests filtered={isFiltered(filters)} />
            ) : (
              <RequestTable
                items={items}
                search={search}
                selected={selection.ids}
                onSelect={selection.toggle}
                onSelectAll={selection.toggleAll}
                onNearEnd={loadMore}
              />
            )
          }
        </QueryView>
      </Card>
      {openId && (
        <RequestDrawer
          key={openId}
          id={openId}
          onClose={() => navigate(paths.history + withSearch(search, { request: null }))}
          onDelete={() => {
            change({ request: null })
            remove([openId])
          }}
        />
      )}
    </>
  )
}

function useSelection(known: string[]) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const toggle = useCallback((id: string, selected: boolean) => {
    setChosen((old) => {
      const next = new Set(old)
      if (selected) next.add(id)
      else next.delete(id)
      return next
    })
  }, [])
  // Rows that went away in the meantime cannot be selected any more.
  const ids = useMemo(
    () => (chosen.size === 0 ? chosen : new Set(known.filter((id) => chosen.has(id)))),
    [chosen, known],
  )
  return {
    ids,
    toggle,
    toggleAll: (selected: boolean) => setChosen(new Set(selected ? known : [])),
    clear: () => setChosen(new Set()),
  }
}
