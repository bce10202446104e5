import { CircleAlert, CircleCheck } from 'lucide-react'
import type { ReactNode } from 'react'
import type { LastHour } from '@/api/types'
import { cx } from '@/lib/cx'
import { formatCount, formatDuration, formatNumber } from '@/lib/format'
import { latest } from './charts'

const NOTHING = '–'

/** The latest step at a glance. */
export function HealthStats({ hour }: { hour: LastHour }) {
  const oldest = latest(hour, 'oldest_age_s')
  const watchers = latest(hour, 'websockets')
  return (
    <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-xl border border-line bg-line shadow-xs lg:grid-cols-4">
      <Stat name="Database" note={connections(latest(hour, 'connections_used'))}>
        <State value={latest(hour, 'database_up')} good="Up" bad="Down" />
      </Stat>
      <Stat name="Report storage" note={storageNote(latest(hour, 'storage_up'))}>
        <State value={latest(hour, 'storage_up')} good="Up" bad="Down" />
      </Stat>
      <Stat name="This server" note={watchers === null ? NOTHING : `${formatCount(watchers, 'watcher')}`}>
        {role(latest(hour, 'leading'))}
      </Stat>
      <Stat
        name="Paused receivers"
        note={oldest === null ? NOTHING : `oldest wait ${formatDuration(oldest * 1_000)}`}
      >
        {number(latest(hour, 'receivers_paused'))}
      </Stat>
    </dl>
  )
}

const number = (value: number | null) => (value === null ? NOTHING : formatNumber(value))

const connections = (used: number | null) =>
  used === null ? NOTHING : `${formatCount(used, 'connection')} in use`

function storageNote(up: number | null): string {
  if (up === null) return NOTHING
  return up ? 'takes reports' : 'takes no reports'
}

function role(leading: number | null): string {
  if (leading === null) return NOTHING
  return leading ? 'Leads' : 'Stands by'
}

function State({ value, good, bad }: { value: number | null; good: string; bad: string }) {
  if (value === null) return NOTHING
  const Icon = value ? CircleCheck : CircleAlert
  return (
    <span className={cx('inline-flex items-center gap-2', value ? 'text-good' : 'text-bad')}>
      <Icon aria-hidden size={20} />
      {value ? good : bad}
    </span>
  )
}

function Stat({ name, note, children }: { name: string; note: string; children: ReactNode }) {
  return (
    <div className="bg-surface px-4 py-3">
      <dt className="text-xs font-medium text-muted">{name}</dt>
      <dd className="text-2xl font-semibold tracking-tight">{children}</dd>
      <dd className="truncate text-xs text-faint" title={note}>
        {note}
      </dd>
    </div>
  )
}
