// A lock file made where a registry lags can lack the packages of other platforms: npm drops them without a word.
import { readFileSync } from 'node:fs'

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'))
const isThere = (path, name) => packages[`node_modules/${name}`] ?? packages[`${path}/node_modules/${name}`]
const faults = []
for (const [path, entry] of Object.entries(packages)) {
  if (entry.resolved) faults.push(`${path} names a registry`)
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    if (!isThere(path, name)) faults.push(`${path} lacks ${name}`)
  }
}
for (const fault of faults) console.error(fault)
process.exitCode = faults.length > 0 ? 1 : 0
