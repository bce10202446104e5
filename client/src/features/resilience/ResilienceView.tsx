import { useQuery } from '@tanstack/react-query'
import { Download, ListChecks } from 'lucide-react'
import type { ReactNode } from 'react'
import { settingsQuery } from '@/api/queries'
import { Button } from '@/components/Button'
import { saveText } from '@/lib/saveText'
import { LackNote } from '@/components/LackNote'
import { PageHeader } from '@/components/PageHeader'
import { QueryView } from '@/components/QueryView'
import { idle } from './check'
import { CheckCard } from './CheckCard'
import { callbackFailure } from './checks/callbackFailure'
import { forbiddenUrls } from './checks/forbiddenUrls'
import { hangingReceiver } from './checks/hangingReceiver'
import { idempotency } from './checks/idempotency'
import { rateLimit } from './checks/rateLimit'
import { signature } from './checks/signature'
import { scorecard } from './scorecard'
import { useChecks } from './useChecks'
import { VerifyCard } from './VerifyCard'

/** The rate limit comes last: it uses up what the others need. */
const checks = [idempotency, callbackFailure, signature, hangingReceiver, forbiddenUrls, rateLimit]
/** Two stacks: a card that grows moves only those below it. */
const columns = [checks.filter((_, index) => index % 2 === 0), checks.filter((_, index) => index % 2 === 1)]

export function ResilienceView({ tabs }: { tabs: ReactNode }) {
  const settings = useQuery(settingsQuery)
  const { states, busy, run } = useChecks()
  const held = checks.filter((check) => states[check.id]?.status === 'held').length
  const ended = checks.filter(
    (check) => !['idle', 'running'].includes(states[check.id]?.status ?? 'idle'),
  ).length
  return (
    <>
      <PageHeader
        title="Resilience tests"
        lead="Each card makes a claim, tests it against this server, and shows expected and observed side by side."
      >
        {ended > 0 && (
          <>
            <span className="text-muted" role="status">
              {held} of {ended} passed
            </span>
            <Button
              disabled={busy}
              title="Save what was expected and observed as a text file"
              onClick={() =>
                saveText('resilience.txt', scorecard(checks, states, location.origin, new Date()))
              }
            >
              <Download aria-hidden size={15} />
              Save results
            </Button>
          </>
        )}
        <Button look="primary" scope="submit" disabled={busy || !settings.data} onClick={() => run(checks)}>
          <ListChecks aria-hidden size={16} />
          {busy ? 'Running…' : 'Run all'}
        </Button>
      </PageHeader>
      {tabs}
      <div className="mb-3 empty:hidden">
        <LackNote scope="submit" />
      </div>
      <QueryView query={settings} height={480}>
        {() => (
          <div className="grid items-start gap-4 lg:grid-cols-2">
            {columns.map((column, index) => (
              <div key={column[0]?.id} className="grid min-w-0 gap-4">
                {column.map((check) => (
                  <CheckCard
                    key={check.id}
                    check={check}
                    state={states[check.id] ?? idle}
                    busy={busy}
                    onRun={() => run([check])}
                  />
                ))}
                {index === 1 && <VerifyCard />}
              </div>
            ))}
          </div>
        )}
      </QueryView>
    </>
  )
}
