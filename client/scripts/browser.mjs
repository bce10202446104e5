// The browser that the page is tested in: the one that is named, the one that is there, or one that is brought.
//
//     node scripts/browser.mjs          say which one will be used; bring one when there is none; exit status 1 without
//
// Nothing slow may come before this: a test run that is going to lack its browser has to say so at once.
import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const APPLICATIONS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]
const BRING_MS_MAX = 300_000

/** The path of a browser, or undefined. A `CHROMIUM_PATH` that leads nowhere counts as none, and `main` says so. */
export function findBrowser(environment = process.env) {
  if (environment.CHROMIUM_PATH) return [environment.CHROMIUM_PATH].find(runs)
  const installed = (environment.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .flatMap((folder) => COMMANDS.map((command) => join(folder, command)))
  return [playwrightsOwn(), ...installed, ...APPLICATIONS].find((path) => path && runs(path))
}

function runs(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function playwrightsOwn() {
  try {
    return createRequire(import.meta.url)('@playwright/test').chromium.executablePath()
  } catch {
    return undefined // the packages are not installed, or this system has no build of Playwright's
  }
}

function isReady() {
  const path = findBrowser()
  // One that lacks the system's libraries is found, and does not start.
  return path !== undefined && attempt(path, ['--version'])
}

function download() {
  console.error('No browser was found; downloading the one that Playwright uses …')
  const cli = fileURLToPath(import.meta.resolve('@playwright/test/cli'))
  attempt(process.execPath, [cli, 'install', 'chromium'])
}

function installPackage() {
  console.error('It cannot be downloaded or does not start; looking for the package of this system …')
  const packages = fileURLToPath(new URL('../../.ci/packages', import.meta.url))
  attempt(packages, ['chromium=chromium+fonts-liberation'])
}

function attempt(command, parameters) {
  try {
    execFileSync(command, parameters, { stdio: 'ignore', timeout: BRING_MS_MAX })
    return true
  } catch {
    return false
  }
}

function main() {
  const named = process.env.CHROMIUM_PATH
  if (isReady()) return
  if (!named) {
    for (const bring of [download, installPackage]) {
      bring()
      if (isReady()) return
    }
  }
  console.error(
    named
      ? `CHROMIUM_PATH names ${named}, which does not start: leave it empty or name a Chromium.`
      : 'The page cannot be tested without a browser: install Chromium (Debian: apt-get install chromium) or name one in CHROMIUM_PATH.',
  )
  process.exitCode = 1
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) main()
