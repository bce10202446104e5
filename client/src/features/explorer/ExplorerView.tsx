import { useQuery } from '@tanstack/react-query'
import { ExternalLink } from 'lucide-react'
import { PageHeader } from '@/components/PageHeader'
import { QueryView } from '@/components/QueryView'
import { paths } from '@/lib/paths'
import { navigate, useSearch, withSearch } from '@/lib/router'
import type { Operation } from './openapi'
import { OperationList } from './OperationList'
import { OperationPanel } from './OperationPanel'
import { operationsQuery } from './queries'

export function ExplorerView() {
  const query = useQuery(operationsQuery)
  return (
    <>
      <PageHeader title="API" lead="Try any operation of this server. Every call is real.">
        <a
          href="/docs"
          className="inline-flex h-9 items-center gap-1.5 rounded-md border border-line-strong bg-surface px-3.5 font-medium shadow-sm hover:bg-raised"
        >
          Reference
          <ExternalLink aria-hidden size={14} />
        </a>
      </PageHeader>
      <QueryView query={query} height={560}>
        {(operations) => <Explorer operations={operations} />}
      </QueryView>
    </>
  )
}

function Explorer({ operations }: { operations: Operation[] }) {
  const search = useSearch()
  const wanted = new URLSearchParams(search).get('operation')
  const current = operations.find((operation) => operation.id === wanted) ?? operations[0]
  const choose = (id: string) =>
    navigate(paths.api + withSearch(search, { operation: id }), { replace: true })
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[23rem_1fr]">
      <OperationList operations={operations} current={current?.id} onChoose={choose} />
      {current && <OperationPanel key={current.id} operation={current} />}
    </div>
  )
}
