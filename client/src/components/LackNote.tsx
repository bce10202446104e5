import { LockKeyhole } from 'lucide-react'
import { useLack } from '@/hooks/useLack'
import type { Scope } from '@/lib/session'

/** Says beside a main action why the key of the tab does not permit it. */
export function LackNote({ scope }: { scope: Scope }) {
  const lack = useLack(scope)
  if (lack === null) return null
  return (
    <p className="flex items-center gap-1.5 text-xs text-muted">
      <LockKeyhole aria-hidden size={14} className="shrink-0" />
      {lack}
    </p>
  )
}
