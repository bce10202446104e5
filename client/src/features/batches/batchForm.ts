import type { components } from '@/api/schema.gen'

/** Who is called back: nobody, or as the API names it. */
export type Callbacks = 'none' | components['schemas']['Callbacks']

export type BatchForm = {
  name: string
  count: number
  rows: number
  priority: 'high' | 'normal' | 'low'
  callbacks: Callbacks
  callbackUrl: string
}

export const COUNT_MAX = 1_000

/** The request the form describes: so many equal reports, numbered by name. */
export function bodyOf(form: BatchForm): components['schemas']['BatchRequest'] {
  const { name, count, rows, priority, callbacks, callbackUrl } = form
  const ofEach = callbacks === 'each' || callbacks === 'both' ? { callback_url: callbackUrl } : {}
  const ofBatch = callbacks === 'batch' || callbacks === 'both' ? { callback_url: callbackUrl } : {}
  const requests = Array.from({ length: count }, (_, index) => ({
    payload: { num_transactions: rows, report_name: `Report_${index + 1}`, currency: 'USD' },
    priority,
    ...ofEach,
  }))
  return {
    requests,
    callbacks: callbacks === 'none' ? 'each' : callbacks,
    ...ofBatch,
    ...(name.trim() ? { name: name.trim() } : {}),
  }
}
