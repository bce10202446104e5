import { lazy, Suspense } from 'react'
import { Skeleton } from '@/components/Skeleton'
import { SubNav } from '@/components/SubNav'
import { useBenchmarksAvailable } from '@/features/benchmark/available'
import { ResilienceView } from '@/features/resilience/ResilienceView'
import { paths } from '@/lib/paths'
import { useSearch } from '@/lib/router'

const LoadView = lazy(() => import('@/features/benchmark/LoadView'))

export default function TestsPage() {
  const available = useBenchmarksAvailable()
  const load = new URLSearchParams(useSearch()).get('view') === 'load'
  if (!available) return <ResilienceView tabs={null} />
  const tabs = (
    <SubNav
      label="Kinds of tests"
      links={[
        { href: paths.tests, name: 'Resilience', current: !load },
        { href: paths.load, name: 'Load', current: load },
      ]}
    />
  )
  if (!load) return <ResilienceView tabs={tabs} />
  return (
    <Suspense fallback={<Skeleton height={480} rows={5} />}>
      <LoadView tabs={tabs} />
    </Suspense>
  )
}
