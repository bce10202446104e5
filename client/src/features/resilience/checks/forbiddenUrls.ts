import { ShieldBan } from 'lucide-react'
import type { Check } from '../check'
import { post, problemOf } from '../http'

/** The same forbidden places in the spellings attackers try. */
const FORBIDDEN: [string, string][] = [
  ['Loopback', 'http://127.0.0.1:9001/hook'],
  ['By name', 'http://localhost:9001/hook'],
  ['As one number', 'http://2130706433:9001/'],
  ['In hex', 'http://0x7f000001:9001/'],
  ['In octal', 'http://0177.0.0.1:9001/'],
  ['IPv6 loopback', 'http://[::1]:9001/'],
  ['IPv4 inside IPv6', 'http://[::ffff:10.0.0.1]/'],
  ['Private network', 'http://192.168.1.1/'],
  ['Cloud metadata', 'http://169.254.169.254/latest/meta-data/'],
  ['User info', 'http://user:secret@example.com/'],
  ['System port', 'http://example.com:22/'],
  ['Other scheme', 'ftp://example.com/'],
]

export const forbiddenUrls: Check = {
  id: 'forbidden-urls',
  title: 'Forbidden callback URLs',
  claim: 'A callback can never target this machine or a private network, however the address is written.',
  icon: ShieldBan,
  unavailable: () => null,
  async run({ step, signal }) {
    for (const [label, url] of FORBIDDEN) {
      if (signal.aborted) return
      const answer = await post('/api/async', { payload: { num_transactions: 1 }, callback_url: url })
      if (answer.status === 429) throw problemOf(answer)
      const rule = answer.body.rule
      step({
        label: `${label}: ${url}`,
        expected: '422 naming the rule',
        observed: `${answer.status}${rule ? `, rule: ${String(rule)}` : ''}`,
        ok: answer.status === 422,
      })
    }
  },
}
