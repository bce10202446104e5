import type { SignedMessage } from './check'

const PREFIX = 'whsec_'

/** Standard Webhooks 1.0: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. */
export async function sign(message: Omit<SignedMessage, 'signature'>): Promise<string> {
  const bytes = Uint8Array.from(atob(message.secret.replace(PREFIX, '')), (letter) => letter.charCodeAt(0))
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const signed = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(signedText(message)))
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(signed)))}`
}

function signedText({ id, timestamp, body }: Omit<SignedMessage, 'signature' | 'secret'>): string {
  return `${id}.${timestamp}.${body}`
}
