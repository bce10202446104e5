import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { findBrowser } from './browser.mjs'

const script = fileURLToPath(new URL('./browser.mjs', import.meta.url))

async function folderWith(name, mode = 0o755) {
  const folder = await mkdtemp(join(tmpdir(), 'browser with blanks '))
  await writeFile(join(folder, name), '#!/bin/sh\n')
  await chmod(join(folder, name), mode)
  return folder
}

test('the browser that is named is used, whatever else is there', async () => {
  const named = join(await folderWith('my-browser'), 'my-browser')

  expect(findBrowser({ CHROMIUM_PATH: named, PATH: process.env.PATH })).toBe(named)
})

test('a name that leads to no program is no browser, although others are there', () => {
  expect(findBrowser({ CHROMIUM_PATH: '/no/such/browser', PATH: process.env.PATH })).toBeUndefined()
})

test('a system browser is found by its name, in any folder of PATH', async () => {
  const folder = await folderWith('chromium')
  const found = findBrowser({ PATH: `/no/such/folder:${folder}` })

  // The one that Playwright downloaded, where there is one, comes first.
  expect(found?.includes('ms-playwright') || found === join(folder, 'chromium')).toBe(true)
})

test('a run that cannot have its browser says so in one line, and what to do', () => {
  const { status, stderr } = spawnSync(process.execPath, [script], {
    env: { ...process.env, CHROMIUM_PATH: '/no/such/browser' },
    encoding: 'utf8',
  })

  expect(status).toBe(1)
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(stderr).toContain('CHROMIUM_PATH')
})
