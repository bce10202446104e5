import { expect, test } from 'vitest'
import { findingOf } from './finding'

test('a pasted id opens its request, whatever its case and the blanks around it', () => {
  expect(findingOf(' 0197C1E2-6d1f-7c7e-9d53-3f0a4a1b2c3d ')?.to).toBe(
    '/history?request=0197c1e2-6d1f-7c7e-9d53-3f0a4a1b2c3d',
  )
})

test('anything else is searched for, and nothing for nothing', () => {
  expect(findingOf('März & more')).toEqual({
    name: 'Search the history for “März & more”',
    to: '/history?q=M%C3%A4rz+%26+more',
  })
  expect(findingOf('   ')).toBeNull()
})
