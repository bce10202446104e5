import { CircleAlert, CircleCheck } from 'lucide-react'
import type { Account, AsyncSide } from '@/api/types'
import { Card } from '@/components/Card'
import { StateBadge } from '@/components/StateBadge'
import type { StateLook } from '@/components/states'
import { cx } from '@/lib/cx'
import { formatNumber } from '@/lib/format'
import { describeAccount } from './account'

const complete: StateLook = { word: 'Complete', tone: 'good', icon: CircleCheck }
const incomplete: StateLook = { word: 'Incomplete', tone: 'bad', icon: CircleAlert }

type AccountCardProps = { account: Account; receivers: AsyncSide['receivers'] }

/** Where every accepted request ended up. */
export function AccountCard({ account, receivers }: AccountCardProps) {
  return (
    <Card
      title="Delivery check"
      hint="Every accepted request should be called back exactly once. Complete means that each one is accounted for."
      actions={<StateBadge look={account.complete ? complete : incomplete} />}
    >
      <p className="px-4 pt-3">{describeAccount(account)}</p>
      <dl className="grid grid-cols-2 gap-x-4 gap-y-3 p-4 xs:grid-cols-3 xl:grid-cols-6">
        <Count name="Accepted" value={account.accepted} />
        <Count name="Delivered" value={account.delivered} />
        <Count name="Missing" value={account.missing} fault />
        <Count name="Duplicates" value={account.duplicate} fault />
        <Count name="Out of order" value={account.out_of_order} fault />
        <Count name="Bad signatures" value={account.bad_signatures} fault />
      </dl>
      <States account={account} />
      {receivers.length > 1 && <Receivers receivers={receivers} />}
      <Ids name="Missing" ids={account.missing_ids} />
      <Ids name="Delivered more than once" ids={account.duplicate_ids} />
      <Ids name="Out of order" ids={account.out_of_order_ids} />
    </Card>
  )
}

/** A fault is told by its icon as well as by its colour. */
function Count({ name, value, fault }: { name: string; value: number | null; fault?: boolean }) {
  const bad = fault && value !== null && value > 0
  return (
    <div>
      <dt className="text-xs font-medium text-muted">{name}</dt>
      <dd className={cx('inline-flex items-center gap-1.5 text-lg font-semibold', bad && 'text-bad')}>
        {bad && <CircleAlert aria-hidden size={16} />}
        {value === null ? (
          <span className="text-sm font-normal text-faint">not checked</span>
        ) : (
          formatNumber(value)
        )}
      </dd>
    </div>
  )
}

/** As the server itself tells them, not as they were received. */
function States({ account: { by_state: states } }: { account: Account }) {
  if (Object.keys(states).length === 0) return null
  return (
    <p className="border-t border-line px-4 py-2 text-xs text-muted">
      Status and callback according to the server:{' '}
      {Object.entries(states)
        .map(([state, count]) => `${formatNumber(count)} × ${state}`)
        .join(', ')}
    </p>
  )
}

function Receivers({ receivers }: { receivers: AsyncSide['receivers'] }) {
  return (
    <ul className="divide-y divide-line border-t border-line text-xs">
      {receivers.map((one) => (
        <li key={one.name} className="flex flex-wrap gap-x-3 px-4 py-1.5 text-muted">
          <span className="font-medium text-ink">{one.name}</span>
          {one.received} of {one.accepted} received, {one.missing} missing, {one.duplicate} duplicate,{' '}
          {one.out_of_order} out of order
        </li>
      ))}
    </ul>
  )
}

function Ids({ name, ids }: { name: string; ids: string[] }) {
  if (ids.length === 0) return null
  return (
    <details className="border-t border-line px-4 py-2 text-xs">
      <summary className="text-muted">
        {name}: {formatNumber(ids.length)}
      </summary>
      <ul className="mt-1 font-mono break-all">
        {ids.map((id) => (
          <li key={id}>{id}</li>
        ))}
      </ul>
    </details>
  )
}
