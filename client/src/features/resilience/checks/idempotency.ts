import { CopyCheck } from 'lucide-react'
import { needsDemoReceiver, type Check } from '../check'
import { post } from '../http'

export const idempotency: Check = {
  id: 'idempotency',
  title: 'Idempotency',
  claim: 'The same key with the same body does the work once. The same key with a different body is refused.',
  icon: CopyCheck,
  unavailable: needsDemoReceiver,
  async run({ settings, step }) {
    const key = `page-${crypto.randomUUID()}`
    const headers = { 'X-Idempotency-Key': key }
    const body = (rows: number) => ({
      payload: { num_transactions: rows, report_name: 'Idempotency_check' },
      callback_url: settings.demo_receiver_url,
    })
    const first = await post('/api/async', body(5), headers)
    step({
      label: 'First use',
      expected: '202, a new request',
      observed: `${first.status}, ${String(first.body.request_id ?? first.body.detail).slice(0, 8)}`,
      ok: first.status === 202,
    })
    const again = await post('/api/async', body(5), headers)
    const same = again.body.request_id === first.body.request_id
    step({
      label: 'Same key, same body',
      expected: '200 duplicate, the same request, Idempotent-Replayed: true',
      observed: `${again.status} ${String(again.body.status)}, ${same ? 'the same request' : 'a different request'}, Idempotent-Replayed: ${again.headers.get('Idempotent-Replayed')}`,
      ok: again.status === 200 && same && again.headers.get('Idempotent-Replayed') === 'true',
    })
    const other = await post('/api/async', body(6), headers)
    step({
      label: 'Same key, different body',
      expected: '422, nothing new',
      observed: `${other.status}: ${String(other.body.detail ?? other.body.status)}`,
      ok: other.status === 422,
    })
  },
}
