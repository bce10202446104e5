/// <reference types="node" />
// @vitest-environment jsdom
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { snippets, verify } from './verifying'

// The example of the Standard Webhooks specification.
const message = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  body: '{"test": 2432232314}',
}
const then = 1_614_265_330_000

test('the message of the specification is valid, with blanks around its headers too', async () => {
  expect(await verify(message, then)).toEqual({ valid: true, sentence: 'Signature valid.' })
  expect(
    await verify({ ...message, id: ` ${message.id}\n`, secret: `${message.secret} ` }, then),
  ).toMatchObject({
    valid: true,
  })
})

test('one signature of several is enough: secrets overlap while they are rotated', async () => {
  expect((await verify({ ...message, signature: `v1,AAAA ${message.signature}` }, then))?.valid).toBe(true)
})

test('an old message is said to be one', async () => {
  expect((await verify(message, then + 301_000))?.sentence).toContain('301 s old')
  expect((await verify(message, then - 400_000))?.sentence).toContain('in the future')
})

test.each([
  ['another body', { body: `${message.body} ` }, 'does not match'],
  ['a timestamp in words', { timestamp: 'today' }, 'whole seconds'],
  ['a secret that is none', { secret: 'whsec_*' }, 'secret is not valid'],
])('%s is refused, and it is said why', async (_name, changes, reason) => {
  const result = await verify({ ...message, ...changes }, then)
  expect(result?.valid).toBe(false)
  expect(result?.sentence).toContain(reason)
})

test('nothing is judged before everything is there', async () => {
  expect(await verify({ ...message, signature: ' ' }, then)).toBeNull()
})

/** What a snippet says of the message, run as it is shown. */
function runSnippet(name: string, body: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'snippet-'))
  const code = snippets.find((one) => one.value === name)?.code ?? ''
  const now = Math.floor(Date.now() / 1_000)
  const headers = {
    'webhook-id': message.id,
    'webhook-timestamp': message.timestamp,
    'webhook-signature': message.signature,
  }
  try {
    writeFileSync(join(folder, 'body.json'), body)
    const env = { ...process.env, WEBHOOK_SECRET: message.secret, ID: message.id }
    if (name === 'openssl') {
      const more = { ...env, TIMESTAMP: message.timestamp, SIGNATURE: message.signature }
      return execFileSync('bash', ['-c', code], { cwd: folder, env: more, encoding: 'utf8' }).trim()
    }
    // The message of the specification is old: the clock is set back to it.
    const set = `Date.now = () => ${message.timestamp}000`
    const call = `console.log(isValid(${JSON.stringify(headers)}, Buffer.from(${JSON.stringify(body)})) ? 'valid' : 'does not match', ${now})`
    writeFileSync(join(folder, 'check.mjs'), `${set}\n${code}\n${call}`)
    return execFileSync(process.execPath, ['check.mjs'], { cwd: folder, env, encoding: 'utf8' }).replace(
      / \d+\n$/,
      '',
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test.each(['openssl', 'node'])('the %s snippet tells a right message from a wrong one', (name) => {
  expect(runSnippet(name, message.body)).toBe('valid')
  expect(runSnippet(name, `${message.body} `)).toBe('does not match')
})
