import { expect, test } from 'vitest'
import { toCurl } from './curl'

test('a quote in the body does not end the shell string', () => {
  const command = toCurl({ method: 'POST', url: 'http://a/b', headers: { A: 'b' }, body: `{"a":"it's"}` })
  expect(command).toContain(`-d '{"a":"it'\\''s"}'`)
})
