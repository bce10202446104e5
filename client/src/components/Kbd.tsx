export function Kbd({ children }: { children: string }) {
  return (
    <kbd className="inline-flex min-w-6 items-center justify-center rounded border border-line-strong bg-raised px-1.5 font-mono text-xs text-muted">
      {children}
    </kbd>
  )
}
