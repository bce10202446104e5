import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Download, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { keys } from '@/api/keys'
import type { BenchmarkRun } from '@/api/types'
import { Button, IconButton } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { DownloadLink } from '@/components/DownloadLink'
import { ErrorState } from '@/components/ErrorState'
import { cx } from '@/lib/cx'
import { paths } from '@/lib/paths'
import { navigate } from '@/lib/router'
import { showToast } from '@/lib/toasts'
import { readAddress } from './address'
import { deleteRun, exportPath } from './queries'
import { describeConfig } from './runs'

const buttonLook = 'h-8 rounded-md border border-line-strong bg-surface px-2.5 shadow-sm hover:bg-raised'
const textLook = 'h-7 px-0.5 text-accent hover:underline'

type Listed = Pick<BenchmarkRun, 'run_id' | 'config'>

type RunActionsProps = { run: Listed; hasResult: boolean; compact?: boolean }

/** Take the figures away, or throw them away. */
export function RunActions({ run, hasResult, compact }: RunActionsProps) {
  const [asking, setAsking] = useState(false)
  const what = describeConfig(run)
  return (
    <div className="flex flex-wrap items-center gap-2">
      {hasResult &&
        (['json', 'csv'] as const).map((format) => (
          <DownloadLink
            key={format}
            href={exportPath(run.run_id, format)}
            className={cx(
              'inline-flex items-center gap-1.5 text-xs font-medium',
              compact ? textLook : buttonLook,
            )}
            aria-label={`Export ${format.toUpperCase()}, ${what}`}
          >
            <Download aria-hidden size={14} />
            {format.toUpperCase()}
          </DownloadLink>
        ))}
      {compact ? (
        <IconButton
          scope="admin"
          label={`Delete the run, ${what}`}
          className="ml-auto"
          onClick={() => setAsking(true)}
        >
          <Trash2 aria-hidden size={15} />
        </IconButton>
      ) : (
        <Button
          small
          look="danger"
          scope="admin"
          aria-label={`Delete the run, ${what}`}
          onClick={() => setAsking(true)}
        >
          <Trash2 aria-hidden size={14} />
          Delete…
        </Button>
      )}
      {asking && <DeleteRun run={run} onClose={() => setAsking(false)} />}
    </div>
  )
}

function DeleteRun({ run, onClose }: { run: Listed; onClose: () => void }) {
  const client = useQueryClient()
  const mutation = useMutation({
    mutationFn: () => deleteRun(run.run_id),
    onSuccess: async () => {
      onClose()
      showToast({ tone: 'good', text: 'Run deleted.' })
      if (isShown(run.run_id)) navigate(paths.load, { replace: true })
      await client.invalidateQueries({ queryKey: keys.benchmarkRuns })
      client.removeQueries({ queryKey: keys.benchmarkRun(run.run_id) })
    },
  })
  return (
    <Dialog title="Delete this run?" onClose={onClose}>
      <div className="grid gap-4 p-4 text-ink">
        <p>
          This deletes the figures of “{describeConfig(run)}”. Export them first to keep them. This cannot be
          undone.
        </p>
        {mutation.error && <ErrorState error={mutation.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="destructive" disabled={mutation.isPending} onClick={() => mutation.mutate()}>
            <Trash2 aria-hidden size={15} />
            Delete
          </Button>
        </div>
      </div>
    </Dialog>
  )
}

function isShown(id: string): boolean {
  const { run, compared } = readAddress(location.search)
  return run === id || compared?.a === id || compared?.b === id
}
