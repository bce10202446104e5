// @vitest-environment jsdom
import { expect, test } from 'vitest'
import { nameIn } from './download'

test.each([
  ['attachment; filename="a.csv"', 'a.csv'],
  ['attachment; filename="a.csv"; filename*=UTF-8\'\'%C3%A4%20b.csv', 'ä b.csv'],
  ['attachment; filename="a.csv"; filename*=UTF-8\'\'%ff', 'a.csv'],
  ['attachment', null],
  [null, null],
])('the name in %s is %s', (disposition, name) => {
  expect(nameIn(disposition)).toBe(name)
})
