import * as Radix from '@radix-ui/react-toggle-group'
import type { ReactNode } from 'react'

type Option<T extends string> = { value: T; label: string; content: ReactNode }
type ToggleGroupProps<T extends string> = {
  label: string
  value: T
  options: Option<T>[]
  onChange: (value: T) => void
}

/** One of a few, side by side. */
export function ToggleGroup<T extends string>({ label, value, options, onChange }: ToggleGroupProps<T>) {
  return (
    <Radix.Root
      type="single"
      aria-label={label}
      value={value}
      onValueChange={(next) => next && onChange(next as T)}
      className="inline-flex rounded-lg border border-line bg-raised p-0.5"
    >
      {options.map((option) => (
        <Radix.Item
          key={option.value}
          value={option.value}
          aria-label={option.label}
          title={option.label}
          className="inline-flex h-7 min-w-7 items-center justify-center gap-1.5 rounded-md px-1.5 text-xs font-medium text-muted data-[state=on]:bg-surface data-[state=on]:text-ink data-[state=on]:shadow-xs"
        >
          {option.content}
        </Radix.Item>
      ))}
    </Radix.Root>
  )
}
