import { expect, test } from 'vitest'
import { loseContact, lostContactAt, regainContact, serverTime } from './contact'

test('what the server does is counted up to when it was last heard of, and no further', () => {
  expect(serverTime(900, null)).toBe(900)
  expect(serverTime(900, 400)).toBe(400)
  expect(serverTime(300, 400)).toBe(300)
})

test('the moment of the loss stays until there is contact again', () => {
  loseContact(100)
  loseContact(200)
  expect(lostContactAt.get()).toBe(100)
  regainContact()
  expect(lostContactAt.get()).toBeNull()
})
