import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'

type EmptyStateProps = { icon: LucideIcon; title: string; children: ReactNode; action?: ReactNode }

/** Says what will be here and how to make the first one. */
export function EmptyState({ icon: Icon, title, children, action }: EmptyStateProps) {
  return (
    <div className="flex min-h-full flex-col items-center justify-center gap-2 px-6 py-10 text-center">
      <span className="mb-1 inline-flex size-10 items-center justify-center rounded-full bg-raised text-muted">
        <Icon aria-hidden size={20} />
      </span>
      <p className="font-medium">{title}</p>
      <p className="max-w-md text-muted">{children}</p>
      {action && <div className="mt-2">{action}</div>}
    </div>
  )
}
