import type { SignedMessage } from './check'
import { sign } from './signing'

/** Older or newer than this, Standard Webhooks 1.0 asks a receiver to refuse a message. */
export const TOLERANCE_S = 300

export type Verification = { valid: boolean; sentence: string }

/** What a receiver has to find out about a message, in the order in which it should. Null while a field is empty. */
export async function verify(message: SignedMessage, now: number): Promise<Verification | null> {
  const { id, timestamp, signature, secret } = message
  if ([id, timestamp, signature, secret].some((value) => value.trim() === '')) return null
  if (!/^\d+$/.test(timestamp.trim())) return no('The timestamp must be whole seconds since 1970.')
  const expected = await sign(trimmed(message)).catch(() => null)
  if (expected === null) return no('The secret is not valid: it is whsec_ followed by base64.')
  if (!signature.trim().split(/\s+/).includes(expected)) {
    return no('The signature does not match. The body must be the exact bytes received, before any parsing.')
  }
  const ageS = Math.round(now / 1_000) - Number(timestamp)
  if (Math.abs(ageS) > TOLERANCE_S) {
    const age = ageS > 0 ? `${ageS} s old` : `${-ageS} s in the future`
    return {
      valid: true,
      sentence: `Signature valid, but the message is ${age}: a receiver should reject it as a possible replay.`,
    }
  }
  return { valid: true, sentence: 'Signature valid.' }
}

/** Around a pasted header there may be blanks; in the body every byte counts. */
function trimmed(message: SignedMessage): SignedMessage {
  const { id, timestamp, secret } = message
  return { ...message, id: id.trim(), timestamp: timestamp.trim(), secret: secret.trim() }
}

function no(sentence: string): Verification {
  return { valid: false, sentence }
}

/** The same check for a terminal and for a receiver, ready to copy. The secret is read from the environment. */
export const snippets = [
  {
    value: 'openssl',
    label: 'openssl',
    code: `# ID, TIMESTAMP and SIGNATURE are the webhook-* headers; body.json holds the exact body.
key=$(printf %s "\${WEBHOOK_SECRET#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \\n')
expected=$( { printf '%s.%s.' "$ID" "$TIMESTAMP"; cat body.json; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
case " $SIGNATURE " in *" v1,$expected "*) echo valid ;; *) echo 'does not match' ;; esac`,
  },
  {
    value: 'python',
    label: 'Python',
    code: `import base64, hashlib, hmac, os, time

def is_valid(headers: dict[str, str], body: bytes) -> bool:
    key = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) <= ${TOLERANCE_S}
    return fresh and any(hmac.compare_digest(expected, one) for one in headers["webhook-signature"].split())`,
  },
  {
    value: 'node',
    label: 'Node',
    code: `import { createHmac, timingSafeEqual } from 'node:crypto'

export function isValid(headers, body /* Buffer, as received */) {
  const key = Buffer.from(process.env.WEBHOOK_SECRET.replace('whsec_', ''), 'base64')
  const hmac = createHmac('sha256', key)
  hmac.update(\`\${headers['webhook-id']}.\${headers['webhook-timestamp']}.\`).update(body)
  const expected = Buffer.from(\`v1,\${hmac.digest('base64')}\`)
  const fresh = Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp'])) <= ${TOLERANCE_S}
  return fresh && headers['webhook-signature'].split(' ').some((one) => {
    const given = Buffer.from(one)
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}`,
  },
]
