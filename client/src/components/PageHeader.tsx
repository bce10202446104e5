import { useEffect, type ReactNode } from 'react'

/** What the page is for in one sentence, and its one main action. */
export function PageHeader({
  title,
  documentTitle = title,
  lead,
  children,
}: {
  title: string
  /** For the tab, where it is to be another one. */
  documentTitle?: string
  lead: ReactNode
  children?: ReactNode
}) {
  useEffect(() => {
    document.title = `${documentTitle} · Financial Report Generator`
  }, [documentTitle])
  return (
    <div className="mb-5 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div className="min-w-0 max-w-4xl">
        <h1 className="text-xl font-semibold tracking-tight sm:text-2xl">{title}</h1>
        <p className="mt-1 text-pretty text-muted">{lead}</p>
      </div>
      {children && <div className="flex flex-wrap items-center gap-2">{children}</div>}
    </div>
  )
}
