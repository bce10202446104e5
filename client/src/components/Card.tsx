import type { ReactNode } from 'react'
import { cx } from '@/lib/cx'

type CardProps = {
  title?: ReactNode
  hint?: ReactNode
  actions?: ReactNode
  className?: string
  children: ReactNode
}

export function Card({ title, hint, actions, className, children }: CardProps) {
  return (
    <section className={cx('min-w-0 rounded-xl border border-line bg-surface shadow-xs', className)}>
      {title && (
        <header className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 border-b border-line px-4 py-3">
          <div className="min-w-0">
            <h2 className="font-semibold">{title}</h2>
            {hint && <p className="text-xs text-muted">{hint}</p>}
          </div>
          {actions && <div className="flex items-center gap-2">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  )
}
