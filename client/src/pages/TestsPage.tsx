import { lazyView } from '@/components/lazyView'
import { SubNav } from '@/components/SubNav'
import { useBenchmarksAvailable } from '@/features/benchmark/available'
import { ResilienceView } from '@/features/resilience/ResilienceView'
import { paths } from '@/lib/paths'
import { useSearch } from '@/lib/router'

const LoadView = lazyView(() => import('@/features/benchmark/LoadView'), { height: 480, rows: 5 })

export default function TestsPage() {
  const available = useBenchmarksAvailable()
  const load = new URLSearchParams(useSearch()).get('view') === 'load'
  if (!available) return <ResilienceView tabs={null} />
  const tabs = (
    <SubNav
      label="Test types"
      links={[
        { href: paths.tests, name: 'Resilience', current: !load },
        { href: paths.load, name: 'Load', current: load },
      ]}
    />
  )
  if (!load) return <ResilienceView tabs={tabs} />
  return <LoadView tabs={tabs} />
}
