import { CircleAlert, RotateCw, Timer, WifiOff } from 'lucide-react'
import { ProblemError, UnreachableError } from '@/api/client'
import { Button } from './Button'
import { Countdown } from './Countdown'

/** What went wrong, why, and what to do about it. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { title, detail, advice } = describe(error)
  const limited = error instanceof ProblemError && error.status === 429
  const Icon = limited ? Timer : error instanceof UnreachableError ? WifiOff : CircleAlert
  return (
    <div role="alert" className="m-4 flex gap-3 rounded-lg border border-line bg-bad-soft p-3 text-bad">
      <Icon aria-hidden size={18} className="mt-0.5 shrink-0" />
      <div className="min-w-0 flex-1 break-words">
        <p className="font-semibold">{title}</p>
        <p className="text-ink">{detail}</p>
        <p className="mt-1 text-xs text-muted">
          {limited && error.retryAfterS !== null ? <Countdown seconds={error.retryAfterS} /> : advice}
        </p>
      </div>
      {onRetry && (
        <Button small onClick={onRetry} className="self-start">
          <RotateCw aria-hidden size={14} />
          Retry
        </Button>
      )}
    </div>
  )
}

type Description = { title: string; detail: string; advice: string }

export function describe(error: unknown): Description {
  if (error instanceof ProblemError) {
    const { title, detail, request_id: id, scope } = error.problem
    if (error.status === 403 && scope) return describeLack(scope)
    return { title: `${error.status} ${title}`, detail, advice: adviceFor(error.status, id) }
  }
  if (error instanceof UnreachableError) {
    return {
      title: 'The server is not responding',
      detail: 'Nothing you typed is lost.',
      advice: 'Check that it is running (make run). The page reconnects by itself.',
    }
  }
  return {
    title: 'Something went wrong',
    detail: error instanceof Error ? error.message : String(error),
    advice: 'Reload the page. If it happens again, the browser console has the details.',
  }
}

function describeLack(scope: string): Description {
  return {
    title: `Your key lacks the scope ${scope}`,
    detail: `This view or action needs ${scope}. Nothing was changed.`,
    advice: 'Ask the operator for a key with this scope, and sign in with it under Account.',
  }
}

function adviceFor(status: number, id: string | null | undefined): string {
  if (status === 404) return 'It may have been deleted.'
  if (status === 409) return 'It is busy right now. Retry when it has finished.'
  if (status === 422 || status === 400) return 'Fix the value above and resend.'
  if (status >= 500) return `The server has a problem. Retry in a moment.${id ? ` Request ${id}.` : ''}`
  return 'Fix the request and retry.'
}
