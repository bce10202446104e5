import type { CSSProperties } from 'react'
import type { Phase } from '@/api/phases'
import { phaseLooks } from '@/components/phaseLooks'
import { useLostContact } from '@/hooks/useServerNow'
import { cx } from '@/lib/cx'
import { formatDuration } from '@/lib/format'
import type { Lane, MarkKind } from './lanes'
import { markLooks } from './markLooks'

export type Scale = { now: number; percent: (at: number) => number }

type LaneRowProps = { lane: Lane; scale: Scale; compact: boolean; selected: boolean; onSelect: () => void }

/** One run: what the client did above, what the server did below. */
export function LaneRow({ lane, scale, compact, selected, onSelect }: LaneRowProps) {
  const { run } = lane
  return (
    <div className="sm:flex sm:items-stretch">
      <button
        type="button"
        onClick={onSelect}
        aria-pressed={selected}
        title="Show this run below"
        className={cx(
          'flex shrink-0 items-center gap-2 rounded-md text-left font-mono text-xs sm:w-24 sm:px-2',
          selected ? 'font-semibold text-ink' : 'text-muted hover:text-ink',
          compact ? 'h-6' : 'py-1',
        )}
      >
        <span
          aria-hidden
          className={cx('mark size-2 rounded-full', run.mode === 'sync' ? 'bg-sync-fill' : 'bg-async-fill')}
        />
        <span className={cx(selected && 'underline decoration-2 underline-offset-4')}>{run.mode}</span>
        {compact && <span className="text-faint">#{run.key}</span>}
      </button>
      <div
        className="relative min-w-0 flex-1"
        role="img"
        aria-label={describeLane(lane)}
        style={{ '--held': `var(--${run.mode}-fill)` } as CSSProperties}
      >
        {compact ? (
          <Track phases={[...lane.server, ...lane.client]} scale={scale} thin />
        ) : (
          <>
            <Track name="client" phases={lane.client} scale={scale} freeAfter={run.mode === 'async'} />
            <Track name="server" phases={lane.server} scale={scale} />
            <Marks lane={lane} scale={scale} />
          </>
        )}
      </div>
    </div>
  )
}

type TrackProps = { name?: string; phases: Phase[]; scale: Scale; thin?: boolean; freeAfter?: boolean }

function Track({ name, phases, scale, thin, freeAfter }: TrackProps) {
  const heldUntil = phases[0]?.to
  return (
    <div className={cx('relative', thin ? 'h-6' : 'h-7')}>
      {phases.map((phase) => (
        <Bar key={`${phase.kind}-${phase.from}`} phase={phase} scale={scale} thin={thin} />
      ))}
      {freeAfter && heldUntil != null && (
        <span
          className="absolute top-1 right-0 ml-2 truncate text-xs leading-5 text-muted"
          style={{ left: `${scale.percent(heldUntil)}%` }}
        >
          client is free
        </span>
      )}
      {name && phases.length === 0 && (
        <span className="absolute inset-x-0 top-1/2 border-t border-dashed border-line-strong" />
      )}
    </div>
  )
}

/** Wider than this share of the axis, a bar has room for its duration. */
const LABEL_PERCENT = 12

function Bar({ phase, scale, thin }: { phase: Phase; scale: Scale; thin?: boolean }) {
  const to = phase.to ?? scale.now
  const left = scale.percent(phase.from)
  const width = Math.max(0, scale.percent(to) - left)
  const look = phaseLooks[phase.kind]
  const quiet = phase.kind === 'backoff'
  return (
    <span
      title={`${look.word}: ${formatDuration(to - phase.from)}`}
      className={cx(
        'mark absolute flex items-center overflow-hidden rounded-[3px]',
        thin ? 'top-2 h-2' : quiet ? 'top-3 h-1' : 'top-1 h-5',
        look.className,
      )}
      style={{ left: `${left}%`, width: `max(${quiet ? 0 : 3}px, ${width}%)` }}
    >
      {!thin && !quiet && width > LABEL_PERCENT && (
        <span className="truncate px-2 text-xs leading-5 font-medium">
          {phase.kind === 'held' ? 'connection held ' : ''}
          {formatDuration(to - phase.from)}
        </span>
      )}
    </span>
  )
}

function Marks({ lane, scale }: { lane: Lane; scale: Scale }) {
  const lost = useLostContact() !== null
  return (
    <ol className="flex flex-wrap gap-x-3 gap-y-0.5 text-xs text-muted">
      {lane.marks.map((mark) => {
        const { word, icon: Icon, className } = markLooks[mark.kind]
        return (
          <li key={mark.kind} className="inline-flex items-center gap-1 whitespace-nowrap">
            <Icon aria-hidden size={13} className={className} />
            {statusBefore(lane, mark.kind)}
            {word}
            {lane.failure === null && (
              <span className="text-ink">{formatDuration(mark.at - lane.run.startedAt)}</span>
            )}
          </li>
        )
      })}
      {lane.failure && <li className="basis-full break-words">{lane.failure.reason}</li>}
      {lane.endedAt === null && (
        <li className="whitespace-nowrap">
          {lost ? 'last seen running after' : 'running for'}{' '}
          {formatDuration(Math.max(0, scale.now - lane.run.startedAt))}
        </li>
      )}
    </ol>
  )
}

function statusBefore({ run, failure }: Lane, kind: MarkKind): string {
  return failure || kind === 'acknowledged' ? `${run.httpStatus ?? ''} ` : ''
}

function describeLane(lane: Lane): string {
  const marks = lane.marks.map(({ kind, at }) =>
    lane.failure
      ? markLooks[kind].word
      : `${markLooks[kind].word} after ${formatDuration(at - lane.run.startedAt)}`,
  )
  return `${lane.run.mode} run: ${marks.join(', ') || 'under way'}`
}
