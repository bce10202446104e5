import { lazyView } from '@/components/lazyView'
import { PageHeader } from '@/components/PageHeader'
import { SubNav } from '@/components/SubNav'
import { HistoryView } from '@/features/requests/HistoryView'
import { paths } from '@/lib/paths'
import { useSearch } from '@/lib/router'

const BatchesView = lazyView(() => import('@/features/batches/BatchesView'), { height: 480, rows: 5 })

export default function HistoryPage() {
  const batches = new URLSearchParams(useSearch()).get('view') === 'batches'
  return (
    <>
      <PageHeader
        title="History"
        lead="Every request this server has accepted. Open one to follow it from acceptance to acknowledged callback."
      />
      <SubNav
        label="Requests and batches"
        links={[
          { href: paths.history, name: 'Requests', current: !batches },
          { href: paths.batches, name: 'Batches', current: batches },
        ]}
      />
      {batches ? <BatchesView /> : <HistoryView />}
    </>
  )
}
