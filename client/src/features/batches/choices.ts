import { formatCount } from '@/lib/format'
import { nameOf } from './describeCounts'
import type { Batch } from './queries'

export type Choice = 'cancel' | 'redeliver' | 'delete'

type Standing = Pick<Batch, 'status' | 'completed_at' | 'callback_status'>

/** What the server would do with a batch as it stands. */
export function choicesOf({ status, completed_at, callback_status }: Standing): Choice[] {
  const hasEnded = completed_at !== null
  const owed = callback_status === 'PENDING' && status !== 'CANCELLED'
  const cancelledAlone = callback_status === 'CANCELLED' && status !== 'CANCELLED'
  const choices: Choice[] = []
  if (owed || (!hasEnded && status !== 'CANCELLED')) choices.push('cancel')
  if (hasEnded && (callback_status === 'SUCCESS' || callback_status === 'FAILED' || cancelledAlone))
    choices.push('redeliver')
  if (hasEnded) choices.push('delete')
  return choices
}

type Question = { title: string; text: string; button: string; canNotify: boolean }

/** What is asked before it is done. */
export function questionOf(choice: Choice, batch: Batch): Question {
  const name = nameOf(batch)
  if (choice === 'delete') {
    const text = `The batch goes with its ${formatCount(batch.count - batch.counts.deleted, 'request')}, their logs and files. This cannot be undone.`
    return { title: `Delete ${name}?`, text, button: 'Delete batch', canNotify: false }
  }
  if (choice === 'redeliver') {
    const text = `batch.completed is sent again to ${batch.callback_url}, with the same webhook-id.`
    return { title: `Redeliver the callback of ${name}?`, text, button: 'Redeliver', canNotify: false }
  }
  if (batch.completed_at !== null) {
    const text =
      'Every request has ended and keeps its report. Only batch.completed, which has not been delivered, is cancelled.'
    return { title: `Cancel the callback of ${name}?`, text, button: 'Cancel callback', canNotify: false }
  }
  const left = batch.counts.PENDING + batch.counts.PROCESSING
  const text = `${formatCount(left, 'request')} that ${left === 1 ? 'has' : 'have'} not ended will not be generated; the others keep their reports. This cannot be undone.`
  const isCalledBack = batch.callback_url !== null || Object.keys(batch.callback_counts).length > 0
  return { title: `Cancel ${name}?`, text, button: 'Cancel batch', canNotify: isCalledBack }
}
