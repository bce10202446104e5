import { expect, test } from 'vitest'
import { parseCsv, parseCsvHead } from './csv'

test('quotes, doubled quotes and line breaks inside quotes are data', () => {
  expect(parseCsv('a,"b, c"\r\n"say ""hi""","two\nlines"\r\n')).toEqual([
    ['a', 'b, c'],
    ['say "hi"', 'two\nlines'],
  ])
})

test('empty fields stay, the empty end does not', () => {
  expect(parseCsv('a,,c\r\n,\r\n')).toEqual([
    ['a', '', 'c'],
    ['', ''],
  ])
})

test('the last row of a part of a file is left out', () => {
  expect(parseCsvHead('a,b\r\n1,2\r\n3,')).toEqual([
    ['a', 'b'],
    ['1', '2'],
  ])
})
