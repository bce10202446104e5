import { useQuery } from '@tanstack/react-query'
import { Gauge } from 'lucide-react'
import { useEffect, useRef, type ReactNode } from 'react'
import type { BenchmarkRun } from '@/api/types'
import { Card } from '@/components/Card'
import { EmptyState } from '@/components/EmptyState'
import { PageHeader } from '@/components/PageHeader'
import { QueryView } from '@/components/QueryView'
import { useSearch } from '@/lib/router'
import { readAddress, type Address } from './address'
import { Comparison } from './Comparison'
import { LoadForm } from './LoadForm'
import { runsQuery } from './queries'
import { RunList } from './RunList'
import { RunPane } from './RunPane'

/** Order a benchmark, watch it, read what it measured, compare it with another one. */
export default function LoadView({ tabs }: { tabs: ReactNode }) {
  const address = readAddress(useSearch())
  const query = useQuery(runsQuery)
  const runs = query.data?.runs ?? []
  const underWay = runs.find((run) => run.status === 'RUNNING') ?? null
  const shown = address.compared ? null : (address.run ?? underWay?.run_id ?? runs[0]?.run_id ?? null)
  return (
    <>
      <PageHeader
        title="Load tests"
        lead="How much load this server handles, and how long callers wait: measured with real requests, one run at a time."
      />
      {tabs}
      <div className="grid items-start gap-4 lg:grid-cols-[20rem_1fr] lg:grid-rows-[auto_1fr]">
        <LoadForm underWay={underWay} shown={shown} />
        <Main address={address}>
          <QueryView query={query} height={480}>
            {() => <Content address={address} shown={shown} runs={runs} />}
          </QueryView>
        </Main>
        {query.data && <RunList runs={runs} shown={shown} />}
      </div>
    </>
  )
}

type ContentProps = { address: Address; shown: string | null; runs: BenchmarkRun[] }

function Content({ address: { compared }, shown }: ContentProps) {
  if (compared) return <Comparison key={`${compared.a} ${compared.b}`} {...compared} />
  if (shown) return <RunPane key={shown} id={shown} />
  return (
    <Card>
      <EmptyState icon={Gauge} title="No runs yet">
        Start a run: 20 reports each way show what sync and async are each good at. Everything is measured
        over HTTP, just as any other caller would see it.
      </EmptyState>
    </Card>
  )
}

/** Below this share of the window, what was asked for would be out of sight. */
const LOW = 0.6

/** Who asked for another run finds it in view, and a screen reader goes on there. */
function Main({ address, children }: { address: Address; children: ReactNode }) {
  const box = useRef<HTMLElement>(null)
  const asked = address.run ?? (address.compared ? `${address.compared.a} ${address.compared.b}` : null)
  const before = useRef(asked)
  useEffect(() => {
    if (before.current === asked) return
    before.current = asked
    const top = box.current?.getBoundingClientRect().top ?? 0
    if (top < 0 || top > innerHeight * LOW) box.current?.scrollIntoView()
    box.current?.focus({ preventScroll: true })
  }, [asked])
  return (
    <section
      ref={box}
      tabIndex={-1}
      aria-label="Measured"
      className="min-w-0 scroll-mt-18 outline-none lg:col-start-2 lg:row-span-2 lg:row-start-1"
    >
      {children}
    </section>
  )
}
