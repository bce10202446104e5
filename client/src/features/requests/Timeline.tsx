import {
  BadgeCheck,
  Ban,
  CircleCheck,
  CircleX,
  Cog,
  FileCheck2,
  Hourglass,
  Inbox,
  LogIn,
  Redo2,
  RotateCw,
  Timer,
  type LucideIcon,
} from 'lucide-react'
import type { RequestDetail } from '@/api/types'
import { toneClasses, type Tone } from '@/components/states'
import { useLostContact, useServerNow } from '@/hooks/useServerNow'
import { cx } from '@/lib/cx'
import { formatDayAndTime, formatDuration, formatExact, formatTimeOfDay, secondsLeft } from '@/lib/format'
import type { Entry, EntryKind } from './timeline'

const looks: Record<EntryKind, { icon: LucideIcon; tone: Tone }> = {
  accepted: { icon: LogIn, tone: 'queued' },
  started: { icon: Cog, tone: 'running' },
  generated: { icon: FileCheck2, tone: 'running' },
  'generation-failed': { icon: CircleX, tone: 'bad' },
  cancelled: { icon: Ban, tone: 'warn' },
  'attempt-failed': { icon: RotateCw, tone: 'warn' },
  'attempt-ok': { icon: CircleCheck, tone: 'good' },
  received: { icon: Inbox, tone: 'queued' },
  next: { icon: Timer, tone: 'warn' },
  delivered: { icon: BadgeCheck, tone: 'good' },
  redelivered: { icon: Redo2, tone: 'queued' },
  'given-up': { icon: CircleX, tone: 'bad' },
  now: { icon: Hourglass, tone: 'queued' },
}

/** From top to bottom: what happened, how long it took, and how long was waited in between. */
export function Timeline({ entries, detail }: { entries: Entry[]; detail: RequestDetail }) {
  return (
    <ol aria-label="Timeline" className="relative">
      {entries.map((entry, index) => (
        <Step
          key={entry.key}
          entry={entry}
          last={index === entries.length - 1}
          startedAt={detail.created_at}
        />
      ))}
    </ol>
  )
}

function Step({ entry, last, startedAt }: { entry: Entry; last: boolean; startedAt: string }) {
  const { icon: Icon, tone } = looks[entry.kind]
  return (
    <>
      {entry.waitedMs !== null && entry.waitedMs >= 1 && <Wait entry={entry} />}
      <li className="relative flex gap-3 pb-4">
        {!last && <span aria-hidden className="absolute top-7 bottom-0 left-3.5 w-px bg-line-strong" />}
        <span
          className={cx(
            'z-10 inline-flex size-7 shrink-0 items-center justify-center rounded-full',
            toneClasses[tone],
          )}
        >
          <Icon aria-hidden size={15} />
        </span>
        <div className="min-w-0 flex-1 pt-0.5">
          <div className="flex flex-wrap items-baseline justify-between gap-x-3">
            <p className="font-medium break-words">
              {entry.title}
              {entry.kind === 'next' && entry.at !== null && <NextIn at={entry.at} />}
            </p>
            {entry.at !== null && (
              <Moment at={entry.at} startedAt={Date.parse(startedAt)} first={entry.kind === 'accepted'} />
            )}
          </div>
          {entry.durationMs !== null && (
            <p className="text-xs text-muted">took {formatDuration(entry.durationMs)}</p>
          )}
          {entry.notes.map((note) => (
            <p key={note} className="text-xs break-words text-muted">
              {note}
            </p>
          ))}
        </div>
      </li>
    </>
  )
}

function Wait({ entry }: { entry: Entry }) {
  return (
    <li className="relative flex gap-3 pb-4 text-xs text-faint">
      <span
        aria-hidden
        className="absolute top-0 bottom-0 left-3.5 border-l border-dashed border-line-strong"
      />
      <span className="ml-10">
        waited {formatDuration(entry.waitedMs ?? 0)} {entry.waitedFor}
      </span>
    </li>
  )
}

function NextIn({ at }: { at: number }) {
  const seconds = secondsLeft(at, useServerNow(200))
  if (useLostContact() !== null) return <span className="font-normal"> at {formatTimeOfDay(at)}</span>
  return <span className="font-normal text-warn"> {seconds > 0 ? `in ${seconds} s` : 'is due'}</span>
}

function Moment({ at, startedAt, first }: { at: number; startedAt: number; first: boolean }) {
  return (
    <time
      dateTime={new Date(at).toISOString()}
      title={formatExact(at)}
      className="font-mono text-xs text-muted"
    >
      {first ? formatDayAndTime(at) : `+${formatDuration(Math.max(0, at - startedAt))}`}
    </time>
  )
}
