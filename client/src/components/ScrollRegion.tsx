import type { ReactNode } from 'react'

/** Scrolls inside itself, so it must be named and reachable by keyboard. */
export function ScrollRegion({
  label,
  className,
  children,
}: {
  label: string
  className?: string
  children: ReactNode
}) {
  return (
    <section aria-label={label} tabIndex={0} className={className}>
      {children}
    </section>
  )
}
