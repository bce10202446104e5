import { expect, test } from 'vitest'
import { fromMinor, totalsOf } from './reportTotals'

const header = ['Transaction ID', 'Date', 'Type', 'Category', 'Description', 'Amount', 'Currency']
const row = (date: string, type: string, category: string, amount: string) => [
  'T',
  date,
  type,
  category,
  '',
  amount,
  'USD',
]

test('sums are exact where floats are not', () => {
  const totals = totalsOf([
    header,
    row('2026-01-02', 'Revenue', 'Sales', '0.10'),
    row('2026-01-01', 'Revenue', 'Sales', '0.20'),
    row('2026-01-01', 'Expense', 'Rent', '5.00'),
  ])
  expect(totals.categories).toEqual([
    { category: 'Rent', type: 'Expense', minor: 500 },
    { category: 'Sales', type: 'Revenue', minor: 30 },
  ])
  expect(totals.days).toEqual([
    { date: '2026-01-01', revenue: 20, expenses: 500 },
    { date: '2026-01-02', revenue: 10, expenses: 0 },
  ])
})

test('minor units read as the currency writes them', () => {
  expect([fromMinor(30, 2), fromMinor(-5, 2), fromMinor(1_200, 0), fromMinor(1_234, 3)]).toEqual([
    '0.30',
    '-0.05',
    '1200',
    '1.234',
  ])
})
