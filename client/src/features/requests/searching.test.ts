import { expect, test } from 'vitest'
import { goesOnByItself, searchedSoFar } from './searching'

const page = (found: number, next: string | null) => ({
  requests: Array.from({ length: found }, (_, id) => id),
  next_cursor: next,
})

test('a search that has found nothing yet goes on while there is more', () => {
  expect(goesOnByItself(0, true, false, false)).toBe(true)
  expect(goesOnByItself(0, true, true, false)).toBe(false)
  expect(goesOnByItself(0, false, false, false)).toBe(false)
  expect(goesOnByItself(3, true, false, false)).toBe(false)
})

test('a search that failed waits for whoever searches', () => {
  expect(goesOnByItself(0, true, false, true)).toBe(false)
})

test('what was searched is known from the pages that are not full', () => {
  expect(searchedSoFar([page(0, 'a'), page(3, 'b'), page(1, null)], 200)).toBe(20_000)
  expect(searchedSoFar([page(200, 'a'), page(7, null)], 200)).toBeNull()
})
