import { expect, test } from 'vitest'
import { chooseForComparison, inOrder } from './choice'

const runs = ['newest', 'middle', 'oldest'].map((run_id) => ({ run_id }))

test('two can be chosen; a third one takes the place of the first', () => {
  expect(chooseForComparison(['a', 'b'], 'c')).toEqual(['b', 'c'])
  expect(chooseForComparison(['a', 'b'], 'a')).toEqual(['b'])
})

test('the newer one is judged by the older one, in whatever order they were chosen', () => {
  expect(inOrder(['newest', 'oldest'], runs)).toEqual(['oldest', 'newest'])
})

test('what was deleted meanwhile is not chosen any more', () => {
  expect(inOrder(['gone', 'middle'], runs)).toEqual(['middle'])
})
