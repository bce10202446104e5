/// <reference types="node" />
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')

/** What each folder may import besides itself. Nothing flows back up, and features do not know each other. */
const allowed: Record<string, string[]> = {
  '': ['app', 'lib'],
  app: ['pages', 'components', 'hooks', 'lib', 'api'],
  pages: ['features', 'components', 'hooks', 'lib'],
  features: ['components', 'hooks', 'lib', 'api'],
  components: ['hooks', 'lib', 'api'],
  hooks: ['lib'],
  api: ['lib'],
  lib: [],
}

function sources(): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (path) => /\.tsx?$/.test(path) && !path.includes('.test.') && !path.startsWith('testing'),
  )
}

function imports(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8')
  const found = [...text.matchAll(/(?:from|import\()\s*'((?:@\/|\.)[^']+)'/g)].map((match) => match[1] ?? '')
  return found.map((name) =>
    name.startsWith('@/') ? name.slice(2) : relative(root, resolve(root, dirname(path), name)),
  )
}

const layerOf = (path: string) => (path.includes('/') ? (path.split('/')[0] ?? '') : '')
const featureOf = (path: string) => (path.startsWith('features/') ? path.split('/')[1] : null)

function breaks(path: string, imported: string): boolean {
  const [from, to] = [layerOf(path), layerOf(imported)]
  if (from === to) return featureOf(path) !== featureOf(imported)
  return !(allowed[from] ?? []).includes(to)
}

test('imports only go down, and features do not import features', () => {
  const faults = sources().flatMap((path) =>
    imports(path)
      .filter((imported) => breaks(path, imported))
      .map((imported) => `${path} imports ${imported}`),
  )
  expect(faults).toEqual([])
})
