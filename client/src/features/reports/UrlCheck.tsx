import { useMutation } from '@tanstack/react-query'
import { CircleCheck, CircleX } from 'lucide-react'
import type { ReactNode } from 'react'
import { api, unwrap } from '@/api/client'
import type { CallbackCheck } from '@/api/types'
import { Button } from '@/components/Button'
import { ErrorState } from '@/components/ErrorState'
import { brokenRule, describePing } from './checkedUrl'

/** What would become of a callback URL, before anything is submitted. Keyed by it: another URL has not been checked. */
export function UrlCheck({ url, disabled }: { url: string; disabled: boolean }) {
  const check = useMutation({
    mutationFn: (ping: boolean) =>
      unwrap(api.POST('/api/callbacks/check', { body: { callback_url: url, ping } })),
  })
  return (
    <div className="grid gap-2">
      <div className="flex gap-2">
        <Button
          small
          scope="submit"
          disabled={disabled || check.isPending}
          onClick={() => check.mutate(false)}
        >
          Check this URL
        </Button>
        <Button
          small
          scope="submit"
          disabled={disabled || check.isPending}
          title="Sends one signed test.ping message to this URL"
          onClick={() => check.mutate(true)}
        >
          {check.isPending && check.variables ? 'Waiting for the receiver…' : 'Send a test message'}
        </Button>
      </div>
      <div role="status">{check.data && <Outcome found={check.data} />}</div>
      {check.error && <ErrorState error={check.error} />}
    </div>
  )
}

function Outcome({ found }: { found: CallbackCheck }) {
  const broken = brokenRule(found)
  const ping = found.ping && describePing(found.ping)
  return (
    <ul className="grid gap-1 text-xs">
      {broken ? (
        <Line good={false}>
          {broken.why ?? `Not allowed (${broken.rule}).`}
          {broken.setting && ` The setting ${broken.setting} decides this.`}
        </Line>
      ) : (
        <Line good>Allowed: this URL breaks no rule. Its host name is resolved when it is called.</Line>
      )}
      {ping && <Line good={ping.good}>{ping.text}</Line>}
    </ul>
  )
}

function Line({ good, children }: { good: boolean; children: ReactNode }) {
  const Icon = good ? CircleCheck : CircleX
  return (
    <li className={good ? 'flex gap-1.5 text-good' : 'flex gap-1.5 text-bad'}>
      <Icon aria-hidden size={14} className="mt-0.5 shrink-0" />
      <span className="min-w-0 break-words">{children}</span>
    </li>
  )
}
