import { Search, X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import type { RequestFilters } from '@/api/keys'
import { Button, IconButton } from '@/components/Button'
import { SelectField, TextField } from '@/components/Field'
import { useKey } from '@/hooks/useKey'
import { isFiltered } from './filters'

const TYPING_PAUSE_MS = 250

type FilterBarProps = {
  filters: RequestFilters
  onChange: (changes: Record<string, string | null>, options?: { replace?: boolean }) => void
}

export function FilterBar({ filters, onChange }: FilterBarProps) {
  const clear = () => onChange({ mode: null, status: null, callback_status: null, q: null })
  return (
    <div
      role="search"
      aria-label="Filter requests"
      className="grid grid-cols-2 items-end gap-3 p-3 md:grid-cols-[minmax(8rem,1fr)_6rem_8rem_9rem_auto]"
    >
      <NameSearch value={filters.q ?? ''} onChange={onChange} />
      <SelectField
        label="Mode"
        value={filters.mode ?? ''}
        onChange={(event) => onChange({ mode: event.target.value })}
      >
        <option value="">Any</option>
        <option value="sync">sync</option>
        <option value="async">async</option>
      </SelectField>
      <SelectField
        label="Status"
        value={filters.status ?? ''}
        onChange={(event) => onChange({ status: event.target.value })}
      >
        <option value="">Any</option>
        <option value="PENDING">Queued</option>
        <option value="PROCESSING">Generating</option>
        <option value="COMPLETED">Completed</option>
        <option value="FAILED">Failed</option>
      </SelectField>
      <SelectField
        label="Callback"
        value={filters.callback_status ?? ''}
        onChange={(event) => onChange({ callback_status: event.target.value })}
      >
        <option value="">Any</option>
        <option value="PENDING">Pending or retrying</option>
        <option value="SUCCESS">Delivered</option>
        <option value="FAILED">Undelivered</option>
      </SelectField>
      <Button look="ghost" disabled={!isFiltered(filters)} onClick={clear}>
        <X aria-hidden size={15} />
        Clear
      </Button>
    </div>
  )
}

function NameSearch({ value, onChange }: { value: string; onChange: FilterBarProps['onChange'] }) {
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
        label="Report name"
        type="search"
        placeholder="contains…"
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
