// @vitest-environment jsdom
import { expect, test } from 'vitest'
import { withStep } from './check'
import { flipOneByte } from './checks/signature'
import { sign } from './signing'

// The example of the Standard Webhooks specification.
const message = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  body: '{"test": 2432232314}',
}

test('the signature is the one of the specification', async () => {
  expect(await sign(message)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

test('one changed byte is another signature', async () => {
  expect(await sign({ ...message, body: flipOneByte(message.body) })).not.toBe(await sign(message))
})

test('a step is updated where it stands', () => {
  const step = { label: 'a', expected: '', observed: '1', ok: null }
  expect(withStep([step], { ...step, observed: '2' })).toEqual([{ ...step, observed: '2' }])
})
