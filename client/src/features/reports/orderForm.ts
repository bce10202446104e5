import type { ReportRequest } from '@/api/types'
import { createStore } from '@/lib/store'
import type { Order } from './runStore'

/** What is typed, as text: a field may be wrong while it is being filled in. */
export type OrderForm = { rows: string; name: string; seed: string; ownUrl: string; useOwnUrl: boolean }

export const orderForm = createStore<OrderForm>({
  rows: '50',
  name: 'Q1_Report',
  seed: '',
  ownUrl: '',
  useOwnUrl: false,
})

export type OrderErrors = Partial<Record<'rows' | 'name' | 'seed' | 'ownUrl', string>>

export function checkOrder(form: OrderForm): OrderErrors {
  const errors: OrderErrors = {}
  if (!/^\d+$/.test(form.rows) || Number(form.rows) < 1) errors.rows = 'Enter a whole number, 1 or more.'
  if (form.name.trim() === '' || form.name.length > 100) errors.name = 'Enter 1 to 100 characters.'
  if (form.seed !== '' && !/^-?\d{1,15}$/.test(form.seed))
    errors.seed = 'Enter a whole number, or leave it empty.'
  if (form.useOwnUrl && form.ownUrl !== '' && !/^https?:\/\/\S+$/.test(form.ownUrl))
    errors.ownUrl = 'Enter an http or https URL, or leave it empty.'
  return errors
}

export function toOrder(form: OrderForm, demoReceiverUrl: string): Order {
  const payload: ReportRequest = {
    num_transactions: Number(form.rows),
    report_name: form.name,
    currency: 'USD',
    ...(form.seed === '' ? {} : { seed: Number(form.seed) }),
  }
  return { payload, callbackUrl: form.useOwnUrl ? form.ownUrl || null : demoReceiverUrl }
}
