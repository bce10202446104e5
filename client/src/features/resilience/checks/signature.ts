import { FileKey2 } from 'lucide-react'
import { api, unwrap } from '@/api/client'
import type { ReceivedCallback } from '@/api/types'
import { needsDemoReceiver, type Check, type SignedMessage } from '../check'
import { follow, submit } from '../http'
import { sign } from '../signing'

export const signature: Check = {
  id: 'signature',
  title: 'Signature',
  claim:
    'Every callback is signed. Recomputed in this browser, the signature matches; change one byte and it no longer does.',
  icon: FileKey2,
  unavailable: (settings) =>
    needsDemoReceiver(settings) ??
    (globalThis.crypto.subtle ? null : 'Browsers offer WebCrypto only on https or localhost.'),
  async run({ settings, signal, step, show }) {
    const id = await submit(settings, 'Signature_check')
    const { detail } = await follow(id, signal, () => undefined)
    const { callbacks } = await unwrap(api.GET('/api/callbacks/history', { signal }))
    const received = callbacks.find((one) => one.webhook_id === detail.webhook_id)
    const { secret } = await unwrap(api.GET('/api/callbacks/signing-secret', { signal }))
    const message = messageOf(received, secret)
    step({
      label: 'Received',
      expected: 'a callback with all three webhook headers',
      observed: message ? message.id : 'none',
      ok: message !== null,
    })
    if (!message) return
    const computed = await sign(message)
    step({
      label: 'Recomputed here',
      expected: message.signature,
      observed: computed,
      ok: message.signature.split(' ').includes(computed),
    })
    const changed = await sign({ ...message, body: flipOneByte(message.body) })
    step({
      label: 'One byte changed',
      expected: 'a different signature',
      observed: changed,
      ok: !message.signature.split(' ').includes(changed),
    })
    show({ kind: 'signature', message })
  },
}

function messageOf(received: ReceivedCallback | undefined, secret: string): SignedMessage | null {
  if (!received) return null
  const { headers } = received
  return {
    id: headers['webhook-id'] ?? '',
    timestamp: headers['webhook-timestamp'] ?? '',
    signature: headers['webhook-signature'] ?? '',
    body: received.raw_body,
    secret,
  }
}

export function flipOneByte(body: string): string {
  const at = Math.floor(body.length / 2)
  const changed = body[at] === 'x' ? 'y' : 'x'
  return body.slice(0, at) + changed + body.slice(at + 1)
}
