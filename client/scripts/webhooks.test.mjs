// The code that docs/webhooks.md shows, and the packages people use, verify what the service signs.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { expect, test } from 'vitest'

const file = (path) => fileURLToPath(new URL(path, import.meta.url))
const body = '{"type":"report.completed","name":"Zürich, 1 €"}'

/** Sign with both kinds of signatures, with an old and a new secret, as during a rotation. */
const signed = JSON.parse(
  execFileSync(
    file('../../server/.venv/bin/python'),
    [
      '-c',
      `
import json, sys, time
from src.services.delivery.public_keys import jwk_of
from src.services.delivery.signing import Signer, new_secret
from src.services.delivery.webhook_secrets import public_key_of
secrets, keys = [new_secret(), new_secret()], [bytes([n]) * 32 for n in (1, 2)]
headers = Signer(secrets, keys).headers("msg_1", int(time.time()), sys.argv[1].encode())
print(json.dumps({"headers": headers, "secrets": secrets, "jwks": {"keys": [jwk_of(public_key_of(key)) for key in keys]}}))
`,
      body,
    ],
    { cwd: file('../../server'), encoding: 'utf8' },
  ),
)

const documented = [...readFileSync(file('../../docs/webhooks.md'), 'utf8').matchAll(/```js\n([\s\S]*?)```/g)]

async function shown(index) {
  const folder = file('../node_modules/.tmp')
  mkdirSync(folder, { recursive: true })
  const path = `${folder}/webhook-${index}.mjs`
  writeFileSync(path, documented[index][1])
  return (await import(/* @vite-ignore */ path)).verify
}

test.each([0, 1])('packages verify v1 with the old secret and with the new one: %i', (index) => {
  for (const Verifier of [Webhook, SvixWebhook]) {
    const webhook = new Verifier(signed.secrets[index])
    expect(webhook.verify(body, signed.headers)).toEqual(JSON.parse(body))
    expect(() => webhook.verify(`${body} `, signed.headers)).toThrow('No matching signature found')
  }
})

test('the documented code verifies v1 with a secret and v1a with the public keys', async () => {
  const [withSecret, withKeys] = [await shown(0), await shown(1)]
  const one = { keys: signed.jwks.keys.slice(1) }
  expect(withSecret(signed.secrets[1], signed.headers, body)).toEqual(JSON.parse(body))
  for (const keys of [signed.jwks, one])
    expect(withKeys(keys, signed.headers, body)).toEqual(JSON.parse(body))
  expect(() => withKeys(signed.jwks, signed.headers, `${body} `)).toThrow('no signature matches')
  expect(() => withKeys({ keys: [] }, signed.headers, body)).toThrow('no signature matches')
  expect(() => withKeys(signed.jwks, { ...signed.headers, 'webhook-timestamp': '1' }, body)).toThrow(
    'too old',
  )
})
