import { useQuery } from '@tanstack/react-query'
import { ChevronDown, ChevronUp } from 'lucide-react'
import { isFinal, logsQuery, receivedQuery, requestQuery, settingsQuery } from '@/api/queries'
import type { RequestDetail } from '@/api/types'
import { IconButton } from '@/components/Button'
import { CodeBlock } from '@/components/CodeBlock'
import { CopyButton } from '@/components/CopyButton'
import { Dialog } from '@/components/Dialog'
import { ModeBadge } from '@/components/ModeBadge'
import { QueryView } from '@/components/QueryView'
import { StateBadge } from '@/components/StateBadge'
import { callbackLook, statusLooks } from '@/components/states'
import { Tabs } from '@/components/Tabs'
import { useKey } from '@/hooks/useKey'
import { formatExact } from '@/lib/format'
import { toCurl } from '@/lib/curl'
import { paths } from '@/lib/paths'
import { Attempts } from './Attempts'
import { DrawerActions } from './DrawerActions'
import { Explanation } from './Explanation'
import { PhaseStrip } from './PhaseStrip'
import { Timeline } from './Timeline'
import { timelineOf, timelineText } from './timeline'

/** The stream tells most changes; asking now and then heals what it may have missed. */
const ASK_AGAIN_MS = 2_000

type RequestDrawerProps = {
  id: string
  /** The list behind it, in its order: j and k step through it. */
  siblings: string[]
  onStep: (id: string) => void
  onClose: () => void
  onDelete: () => void
}

export function RequestDrawer({ id, siblings, onStep, onClose, onDelete }: RequestDrawerProps) {
  const query = useQuery({
    ...requestQuery(id),
    refetchInterval: ({ state: { data } }) => (data && isFinal(data) ? false : ASK_AGAIN_MS),
  })
  const at = siblings.indexOf(id)
  const [before, after] = [siblings[at - 1], at < 0 ? undefined : siblings[at + 1]]
  useKey('j', () => after && onStep(after), { inDialog: true })
  useKey('k', () => before && onStep(before), { inDialog: true })
  return (
    <Dialog
      place="side"
      title={query.data?.report_name ?? 'Request'}
      onClose={onClose}
      actions={
        at >= 0 && (
          <>
            <IconButton
              label="Previous request (k)"
              disabled={!before}
              onClick={() => before && onStep(before)}
            >
              <ChevronUp aria-hidden size={18} />
            </IconButton>
            <IconButton label="Next request (j)" disabled={!after} onClick={() => after && onStep(after)}>
              <ChevronDown aria-hidden size={18} />
            </IconButton>
          </>
        )
      }
    >
      <QueryView query={query} height={480}>
        {(detail) => <Details key={detail.id} detail={detail} onDelete={onDelete} />}
      </QueryView>
    </Dialog>
  )
}

function Details({ detail, onDelete }: { detail: RequestDetail; onDelete: () => void }) {
  const isAsync = detail.mode === 'async'
  const open = !isFinal(detail)
  const logs = useQuery({
    ...logsQuery(detail.id),
    enabled: isAsync,
    refetchInterval: open ? ASK_AGAIN_MS : false,
  })
  const { data: settings } = useQuery(settingsQuery)
  const received = useQuery({
    ...receivedQuery,
    enabled: isAsync && settings?.demo_tools === true,
    staleTime: 0,
  })
  const attempts = logs.data?.logs ?? []
  const callbacks = received.data?.callbacks ?? []
  const entries = timelineOf({ detail, logs: attempts, received: callbacks })
  const callback = callbackLook(detail)
  const toDemo = detail.callback_url !== null && detail.callback_url === settings?.demo_receiver_url
  return (
    <>
      <div className="grid gap-3 p-4">
        <div className="flex flex-wrap items-center gap-2">
          <ModeBadge mode={detail.mode} />
          <StateBadge look={statusLooks[detail.status]} />
          {callback && <StateBadge look={callback} />}
          <span className="ml-auto inline-flex items-center gap-1 font-mono text-xs break-all text-muted">
            {detail.id}
            <CopyButton text={detail.id} label="Copy the request id" />
          </span>
        </div>
        <p className="text-xs text-muted">
          Accepted <time dateTime={detail.created_at}>{formatExact(detail.created_at)}</time>
        </p>
        {isAsync && <PhaseStrip detail={detail} logs={attempts} />}
        <DrawerActions
          detail={detail}
          story={timelineText(detail, entries, location.origin + paths.request(detail.id))}
          onDelete={onDelete}
        />
      </div>
      <Tabs
        label="Request"
        tabs={[
          {
            value: 'timeline',
            label: 'Timeline',
            content: <Timeline detail={detail} entries={entries} />,
          },
          {
            value: 'attempts',
            label: `Attempts (${attempts.length})`,
            content: <Attempts detail={detail} logs={attempts} received={toDemo ? callbacks : null} />,
          },
          { value: 'explain', label: 'Where time went', content: <Explanation detail={detail} /> },
          { value: 'curl', label: 'curl', content: <CodeBlock label="curl command" code={curlOf(detail)} /> },
          {
            value: 'json',
            label: 'JSON',
            content: <CodeBlock label="JSON" code={JSON.stringify(detail, null, 2)} />,
          },
        ]}
      />
    </>
  )
}

function curlOf(detail: RequestDetail): string {
  const payload = detail.input_payload
  // JSON leaves out what is undefined, as the server asks for where there is no callback.
  const body = detail.mode === 'sync' ? payload : { payload, callback_url: detail.callback_url ?? undefined }
  return toCurl({
    method: 'POST',
    url: `${location.origin}/api/${detail.mode}`,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
}
