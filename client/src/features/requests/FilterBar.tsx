import { useQuery } from '@tanstack/react-query'
import { Search, X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import type { RequestFilters } from '@/api/keys'
import type { ErrorCode, RequestCounts } from '@/api/types'
import { Button, IconButton } from '@/components/Button'
import { SelectField, TextField } from '@/components/Field'
import { useKey } from '@/hooks/useKey'
import { useSlowNow } from '@/hooks/useSlowNow'
import { formatNumber } from '@/lib/format'
import { errorWords, isFiltered, lastDays, noFilters, type Days } from './filters'
import { countsQuery } from './queries'

const TYPING_PAUSE_MS = 250

type Change = (changes: Record<string, string | null>, options?: { replace?: boolean }) => void
type FilterBarProps = { filters: RequestFilters; days: Days; onChange: Change }

export function FilterBar({ filters, days, onChange }: FilterBarProps) {
  // How many each state would leave, whichever of them is chosen.
  const { data: counts } = useQuery(
    countsQuery({ ...filters, status: undefined, callback_status: undefined }),
  )
  return (
    <div role="search" aria-label="Filter requests" className="grid gap-3 p-3">
      <div className="grid grid-cols-2 items-end gap-3 md:grid-cols-[minmax(8rem,1fr)_6rem_9.5rem_12rem]">
        <SearchBox value={filters.q ?? ''} onChange={onChange} />
        <SelectField
          label="Mode"
          value={filters.mode ?? ''}
          onChange={(event) => onChange({ mode: event.target.value })}
        >
          <option value="">Any</option>
          <option value="sync">sync</option>
          <option value="async">async</option>
        </SelectField>
        <States filters={filters} counts={counts} onChange={onChange} />
      </div>
      <div className="grid grid-cols-2 items-end gap-3 md:flex md:flex-wrap">
        <DayFields days={days} onChange={onChange} />
        <SelectField
          label="Priority"
          value={filters.priority ?? ''}
          onChange={(event) => onChange({ priority: event.target.value })}
        >
          <option value="">Any</option>
          <option value="high">High</option>
          <option value="normal">Normal</option>
          <option value="low">Low</option>
        </SelectField>
        <SelectField
          label="Last error"
          className="md:w-44"
          value={filters.error_code ?? ''}
          onChange={(event) => onChange({ error_code: event.target.value })}
        >
          <option value="">Any</option>
          {(Object.keys(errorWords) as ErrorCode[]).map((code) => (
            <option key={code} value={code}>
              {errorWords[code]}
            </option>
          ))}
        </SelectField>
        {filters.receiver && (
          <Button small className="h-9 max-w-full min-w-0" onClick={() => onChange({ receiver: null })}>
            <span className="truncate">{filters.receiver}</span>
            <X aria-label="Any receiver" size={14} className="shrink-0" />
          </Button>
        )}
        {filters.batch_id && (
          <Button small className="h-9" onClick={() => onChange({ batch_id: null })}>
            One batch
            <X aria-label="Any batch" size={14} className="shrink-0" />
          </Button>
        )}
        <Button
          look="ghost"
          className="md:ml-auto"
          disabled={!isFiltered(filters)}
          onClick={() => onChange(noFilters)}
        >
          <X aria-hidden size={15} />
          Clear
        </Button>
      </div>
    </div>
  )
}

type StatesProps = { filters: RequestFilters; counts: RequestCounts | undefined; onChange: Change }

function States({ filters, counts, onChange }: StatesProps) {
  const of = (word: string, count: number | undefined) =>
    counts ? `${word} (${formatNumber(count ?? 0)}${counts.exact ? '' : '+'})` : word
  const { by_status: statuses, by_callback_status: callbacks } = counts ?? {}
  return (
    <>
      <SelectField
        label="Status"
        value={filters.status ?? ''}
        onChange={(event) => onChange({ status: event.target.value })}
      >
        <option value="">Any</option>
        <option value="PENDING">{of('Queued', statuses?.PENDING)}</option>
        <option value="PROCESSING">{of('Generating', statuses?.PROCESSING)}</option>
        <option value="COMPLETED">{of('Completed', statuses?.COMPLETED)}</option>
        <option value="FAILED">{of('Failed', statuses?.FAILED)}</option>
        <option value="CANCELLED">{of('Cancelled', statuses?.CANCELLED)}</option>
      </SelectField>
      <SelectField
        label="Callback"
        value={filters.callback_status ?? ''}
        onChange={(event) => onChange({ callback_status: event.target.value })}
      >
        <option value="">Any</option>
        <option value="PENDING">{of('Pending, retrying', callbacks?.PENDING)}</option>
        <option value="SUCCESS">{of('Delivered', callbacks?.SUCCESS)}</option>
        <option value="FAILED">{of('Undelivered', callbacks?.FAILED)}</option>
        <option value="CANCELLED">{of('Cancelled', callbacks?.CANCELLED)}</option>
      </SelectField>
    </>
  )
}

const presets = [
  { name: 'Today', days: 1 },
  { name: '7 days', days: 7 },
  { name: '30 days', days: 30 },
]

function DayFields({ days: { from, to }, onChange }: { days: Days; onChange: Change }) {
  const now = new Date(useSlowNow())
  return (
    <>
      <TextField
        label="Accepted from"
        type="date"
        value={from ?? ''}
        max={to ?? undefined}
        onChange={(event) => onChange({ from: event.target.value })}
      />
      <TextField
        label="to"
        type="date"
        value={to ?? ''}
        min={from ?? undefined}
        onChange={(event) => onChange({ to: event.target.value })}
      />
      <div role="group" aria-label="Accepted within" className="flex gap-1 max-md:col-span-2">
        {presets.map(({ name, days }) => {
          const range = lastDays(days, now)
          const chosen = range.from === from && range.to === to
          return (
            <Button
              key={name}
              small
              look={chosen ? 'chosen' : 'secondary'}
              className="h-9"
              aria-pressed={chosen}
              onClick={() => onChange(chosen ? { from: null, to: null } : range)}
            >
              {name}
            </Button>
          )
        })}
      </div>
    </>
  )
}

function SearchBox({ value, onChange }: { value: string; onChange: Change }) {
  // Null once the address bar has what was typed.
  const [typed, setTyped] = useState<string | null>(null)
  const box = useRef<HTMLDivElement>(null)
  useKey('/', () => box.current?.querySelector('input')?.focus())
  useEffect(() => {
    if (typed === null) return
    const timer = setTimeout(() => {
      onChange({ q: typed.trim() }, { replace: value !== '' })
      setTyped(null)
    }, TYPING_PAUSE_MS)
    return () => clearTimeout(timer)
  }, [typed, value, onChange])
  return (
    <div ref={box} className="relative max-md:col-span-2">
      <TextField
        label="Search"
        type="search"
        placeholder="name, id, URL or idempotency key"
        inputClass="pr-8 [&::-webkit-search-cancel-button]:hidden"
        value={typed ?? value}
        onChange={(event) => setTyped(event.target.value)}
      />
      {(typed ?? value) === '' ? (
        <Search
          aria-hidden
          size={15}
          className="pointer-events-none absolute right-2.5 bottom-2.5 text-faint"
        />
      ) : (
        <IconButton
          label="Clear the search"
          className="absolute right-0.5 bottom-0.5"
          onClick={() => {
            setTyped(null)
            onChange({ q: null })
            box.current?.querySelector('input')?.focus()
          }}
        >
          <X aria-hidden size={15} />
        </IconButton>
      )}
    </div>
  )
}
