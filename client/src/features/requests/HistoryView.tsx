import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useMemo, useState } from 'react'
import { Card } from '@/components/Card'
import { ErrorState } from '@/components/ErrorState'
import { QueryView } from '@/components/QueryView'
import { useStore } from '@/hooks/useStore'
import { paths } from '@/lib/paths'
import { closeOver, navigate, useSearch, withSearch } from '@/lib/router'
import { BulkBar } from './BulkBar'
import { redeliverAll } from './redelivery'
import { deleteWithUndo, hiddenRequests } from './deletion'
import { FilterBar } from './FilterBar'
import { isFiltered, readDays, readFilters, readOpenRequest } from './filters'
import { NoRequests } from './NoRequests'
import { PAGE_SIZE, requestsQuery } from './queries'
import { RequestDrawer } from './RequestDrawer'
import { RequestTable } from './RequestTable'
import { goesOnByItself, searchedSoFar } from './searching'

/** The list, its filters, and the drawer: all three are in the address bar. */
export function HistoryView() {
  const search = useSearch()
  const filters = useMemo(() => readFilters(search), [search])
  const openId = readOpenRequest(search)
  const list = useRequests(filters)
  const { items, query } = list
  const selection = useSelection(items.map((item) => item.id))
  const client = useQueryClient()
  // Each filter is a step that Back undoes; the letters of a search are one step together.
  const change = useCallback((changes: Record<string, string | null>, options?: { replace?: boolean }) => {
    navigate(paths.history + withSearch(location.search, changes), options)
  }, [])
  const close = () => closeOver(paths.history + withSearch(location.search, { request: null }))
  const remove = (ids: string[]) => {
    selection.clear()
    deleteWithUndo(client, ids)
  }

  return (
    <>
      <Card>
        <FilterBar filters={filters} days={readDays(search)} onChange={change} />
        <BulkBar
          count={items.length}
          complete={!query.hasNextPage}
          searched={list.searched}
          filters={filters}
          selected={items.filter((item) => selection.ids.has(item.id))}
          onDelete={() => remove([...selection.ids])}
          onRedeliver={(ids) => void redeliverAll(client, ids)}
          onClear={selection.clear}
        />
        <QueryView query={query} height={480}>
          {() =>
            items.length === 0 ? (
              <NoRequests
                filtered={isFiltered(filters)}
                searching={query.hasNextPage && !query.isFetchNextPageError ? list.searched : undefined}
              />
            ) : (
              <RequestTable
                key={JSON.stringify(filters)}
                items={items}
                search={search}
                selected={selection.ids}
                onSelect={selection.toggle}
                onSelectAll={selection.toggleAll}
                onNearEnd={list.loadMore}
              />
            )
          }
        </QueryView>
        {query.isFetchNextPageError && (
          <ErrorState error={query.error} onRetry={() => void query.fetchNextPage()} />
        )}
      </Card>
      {openId && (
        <RequestDrawer
          id={openId}
          siblings={items.map((item) => item.id)}
          onStep={(id) => navigate(paths.history + withSearch(search, { request: id }), { replace: true })}
          onClose={close}
          onDelete={() => {
            close()
            remove([openId])
          }}
        />
      )}
    </>
  )
}

/** The list as far as it was read. One that is empty so far is read on, as nobody scrolls an empty list. */
function useRequests(filters: ReturnType<typeof readFilters>) {
  const query = useInfiniteQuery(requestsQuery(filters))
  const hidden = useStore(hiddenRequests)
  const { data, hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = query
  const items = useMemo(
    () => (data?.pages ?? []).flatMap((page) => page.requests).filter((item) => !hidden.has(item.id)),
    [data, hidden],
  )
  const loadMore = useCallback(() => {
    if (hasNextPage && !isFetching && !isFetchNextPageError) void fetchNextPage()
  }, [hasNextPage, isFetching, isFetchNextPageError, fetchNextPage])
  useEffect(() => {
    if (goesOnByItself(items.length, hasNextPage, isFetching, isFetchNextPageError)) loadMore()
  }, [items.length, hasNextPage, isFetching, isFetchNextPageError, loadMore])
  const searched = filters.q ? searchedSoFar(data?.pages ?? [], PAGE_SIZE) : null
  return { query, items, loadMore, searched }
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
