import type { ReactNode } from 'react'

export type LegendItem = { name: ReactNode; colour: string; dash?: number[] }

/** What each line is: by its colour and by its pattern. */
export function Legend({ items }: { items: LegendItem[] }) {
  return (
    <ul className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
      {items.map(({ name, colour, dash }) => (
        <li key={`${colour} ${String(dash)}`} className="inline-flex items-center gap-1.5">
          <svg aria-hidden width="24" height="4" className="mark shrink-0">
            <line
              x1="0"
              x2="24"
              y1="2"
              y2="2"
              strokeWidth="2.5"
              strokeDasharray={dash?.join(' ')}
              style={{ stroke: `var(${colour})` }}
            />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  )
}
