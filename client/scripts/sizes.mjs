// Prints what the browser has to load, as it goes over the wire (brotli), and fails above the budgets.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const BUDGET_KB = { 'first load': 125, css: 10, view: 45 }
export const built = new URL('../dist/', import.meta.url)

/** What a built page in `folder` (a URL that ends in a slash) loads: one `{ name, kb, budget }` for each budget. */
export function measure(folder) {
  const html = readFileSync(new URL('index.html', folder), 'utf8')
  const first = new Set([
    'index.html',
    ...[...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css|svg))"/g)].map((match) => match[1]),
  ])
  const names = readdirSync(new URL('assets/', folder)).map((name) => `assets/${name}`)
  const files = [...new Set([...first, ...names])].filter((name) => !/\.(br|gz)$/.test(name))
  const sizes = files.map((file) => ({ file, kb: sizeKb(folder, file), first: first.has(file) }))
  const sum = (list) => list.reduce((total, one) => total + one.kb, 0)
  const isCss = ({ file }) => file.endsWith('.css')
  return [
    {
      name: 'first load: page, scripts, styles',
      kb: sum(sizes.filter((one) => one.first)),
      budget: BUDGET_KB['first load'],
    },
    { name: 'CSS, all of it', kb: sum(sizes.filter(isCss)), budget: BUDGET_KB.css },
    ...sizes
      .filter((one) => !one.first && !isCss(one))
      .toSorted((one, other) => other.kb - one.kb)
      .map(({ file, kb }) => ({ name: file.replace('assets/', 'lazy '), kb, budget: BUDGET_KB.view })),
  ]
}

function sizeKb(folder, file) {
  const compressed = new URL(`${file}.br`, folder)
  return statSync(existsSync(compressed) ? compressed : new URL(file, folder)).size / 1024
}

export const isTooLarge = ({ kb, budget }) => kb > budget

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const measured = measure(built)
  for (const one of measured) {
    const told = `${one.name.padEnd(40)} ${one.kb.toFixed(1).padStart(7)} KB of ${one.budget} KB`
    console.log(isTooLarge(one) ? `${told}  TOO LARGE` : told)
  }
  process.exitCode = measured.some(isTooLarge) ? 1 : 0
}
