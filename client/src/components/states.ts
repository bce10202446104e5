import {
  Ban,
  CircleCheck,
  CircleDashed,
  CircleX,
  Clock3,
  LoaderCircle,
  RotateCw,
  type LucideIcon,
} from 'lucide-react'
import type { CallbackStatus, RequestItem, Status } from '@/api/types'

export type Tone = 'queued' | 'running' | 'good' | 'warn' | 'bad'
export type StateLook = { word: string; tone: Tone; icon: LucideIcon }

export const toneClasses: Record<Tone, string> = {
  queued: 'bg-queued-soft text-queued',
  running: 'bg-running-soft text-running',
  good: 'bg-good-soft text-good',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
}

/** A state without a look does not compile. */
export const statusLooks: Record<Status, StateLook> = {
  PENDING: { word: 'Queued', tone: 'queued', icon: Clock3 },
  PROCESSING: { word: 'Generating', tone: 'running', icon: LoaderCircle },
  COMPLETED: { word: 'Completed', tone: 'good', icon: CircleCheck },
  FAILED: { word: 'Failed', tone: 'bad', icon: CircleX },
  CANCELLED: { word: 'Cancelled', tone: 'warn', icon: Ban },
}

const callbackLooks: Record<CallbackStatus, StateLook> = {
  PENDING: { word: 'Pending', tone: 'queued', icon: CircleDashed },
  SUCCESS: { word: 'Delivered', tone: 'good', icon: CircleCheck },
  FAILED: { word: 'Undelivered', tone: 'bad', icon: CircleX },
  CANCELLED: { word: 'Cancelled', tone: 'warn', icon: Ban },
}

const retrying: StateLook = { word: 'Retrying', tone: 'warn', icon: RotateCw }

export function callbackLook(
  request: Pick<RequestItem, 'callback_status' | 'callback_next_attempt_at' | 'callback_attempts'>,
): StateLook | null {
  if (request.callback_status === null) return null
  const isRetry = request.callback_attempts > 0 && request.callback_next_attempt_at !== null
  if (request.callback_status === 'PENDING' && isRetry) return retrying
  return callbackLooks[request.callback_status]
}
