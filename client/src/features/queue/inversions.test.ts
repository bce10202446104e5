import { expect, test } from 'vitest'
import type { FifoEntry } from '@/api/types'
import { colourOfReceivers, overtaken, receiversOf, rowsOf } from './inversions'

const entry = (id: string, accepted: number, delivered: number | null, receiver = 'a'): FifoEntry => ({
  request_id: id,
  queue_position: accepted,
  receiver,
  priority: 'normal' as const,
  lane: receiver,
  accepted_rank: accepted,
  generated_rank: accepted,
  delivered_rank: delivered,
})
const accepted = (one: FifoEntry) => one.accepted_rank
const delivered = (one: FifoEntry) => one.delivered_rank

test('both who overtook and who was overtaken are marked', () => {
  const entries = [entry('one', 1, 2), entry('two', 2, 1), entry('three', 3, 3)]
  expect(overtaken(entries, accepted, delivered, true)).toEqual(new Set(['one', 'two']))
})

test('receivers do not wait for each other, so crossing them is no fault', () => {
  const entries = [entry('one', 1, 2, 'a'), entry('two', 2, 1, 'b')]
  expect(overtaken(entries, accepted, delivered, true).size).toBe(0)
})

test('who has not arrived has overtaken nobody', () => {
  expect(overtaken([entry('one', 1, null), entry('two', 2, 1)], accepted, delivered, true).size).toBe(0)
})

test('gaps in the ranks are closed', () => {
  expect(rowsOf([entry('b', 9, 9), entry('a', 4, 4)], accepted)).toEqual(
    new Map([
      ['a', 0],
      ['b', 1],
    ]),
  )
})

test('each receiver has a colour of its own, whatever the order of its requests', () => {
  const entries = [entry('one', 1, 2, 'b'), entry('two', 2, 1, 'a'), entry('three', 3, 3, 'b')]
  const colours = colourOfReceivers(receiversOf(entries))
  expect([...colours.keys()]).toEqual(['a', 'b'])
  expect(new Set(colours.values()).size).toBe(2)
  expect(colourOfReceivers(receiversOf(entries.toReversed()))).toEqual(colours)
})
