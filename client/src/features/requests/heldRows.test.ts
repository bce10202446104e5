import { expect, test } from 'vitest'
import { request } from '@/testing/factories'
import { newerThan } from './heldRows'

const [oldest, middle, newest] = [request(), request(), request()]

test('rows that arrive while someone reads further down are held back', () => {
  expect(newerThan([newest, middle, oldest], middle)).toBe(1)
  expect(newerThan([newest, middle, oldest], newest)).toBe(0)
})

test('the list holds still when the row at its head is deleted', () => {
  expect(newerThan([newest, oldest], middle)).toBe(1)
})

test('at the top nothing is held back, nor when everything is new', () => {
  expect(newerThan([newest, middle], null)).toBe(0)
  expect(newerThan([newest], oldest)).toBe(0)
})
