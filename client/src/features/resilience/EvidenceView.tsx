import { Timer } from 'lucide-react'
import { RequestLink } from '@/components/RequestLink'
import { useNow } from '@/hooks/useNow'
import { secondsLeft } from '@/lib/format'
import { BackoffChart } from './BackoffChart'
import type { Evidence } from './check'
import { SignatureLab } from './SignatureLab'

export function EvidenceView({ evidence }: { evidence: Evidence }) {
  switch (evidence.kind) {
    case 'attempts':
      return (
        <div>
          <BackoffChart logs={evidence.logs} />
          <p className="mt-2 text-xs text-muted">
            Full timeline: request <RequestLink id={evidence.requestId} />
          </p>
        </div>
      )
    case 'limit':
      return (
        <Reset until={evidence.limit.blockedUntil ?? evidence.limit.resetAt} limit={evidence.limit.limit} />
      )
    case 'signature':
      return <SignatureLab message={evidence.message} />
  }
}

function Reset({ until, limit }: { until: number; limit: number }) {
  const left = secondsLeft(until, useNow(250))
  const percent = Math.min(100, (left / 60) * 100)
  return (
    <div className="rounded-lg bg-warn-soft px-3 py-2 text-warn">
      <p className="flex items-center gap-2">
        <Timer aria-hidden size={15} />
        {left > 0
          ? `The next request is let through in ${left} s.`
          : `Requests are let through again: ${limit} per minute.`}
      </p>
      <div aria-hidden className="mt-2 h-1.5 overflow-hidden rounded bg-surface">
        <div className="mark h-full bg-warn-fill" style={{ width: `${percent}%` }} />
      </div>
    </div>
  )
}
