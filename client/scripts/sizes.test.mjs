import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { built, isTooLarge, measure } from './sizes.mjs'

const KB = 1024

/** A built page: its files by name, with the size of each in KB. */
async function page(files) {
  const folder = await mkdtemp(join(tmpdir(), 'sizes-'))
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'index.html'), '<script src="/assets/index.js"></script>')
  for (const [name, kb] of Object.entries(files)) {
    await writeFile(join(folder, 'assets', name), new Uint8Array(kb * KB))
  }
  return pathToFileURL(`${folder}/`)
}

const tooLarge = (folder) =>
  measure(folder)
    .filter(isTooLarge)
    .map(({ name }) => name)

test('what the built page makes a browser load is within its budgets', () => {
  expect(existsSync(new URL('index.html', built)), 'run `npm run build` first').toBe(true)
  expect(tooLarge(built)).toEqual([])
})

test('a first load, styles and a view beyond their budgets are each named', async () => {
  expect(tooLarge(await page({ 'index.js': 126, 'index.css': 11, 'View.js': 46 }))).toEqual([
    'first load: page, scripts, styles',
    'CSS, all of it',
    'lazy View.js',
  ])
})

test('a file counts as large as it goes over the wire', async () => {
  expect(tooLarge(await page({ 'index.js': 400, 'index.js.br': 100, 'index.js.gz': 130 }))).toEqual([])
})
