// Prints what the browser has to load, as it goes over the wire (brotli), and fails above the budgets.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'

const BUDGET_KB = { 'first load': 125, css: 10, view: 45 }
const folder = new URL('../dist/', import.meta.url)
const html = readFileSync(new URL('index.html', folder), 'utf8')
const first = new Set([
  'index.html',
  ...[...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css|svg))"/g)].map((match) => match[1]),
])
const names = readdirSync(new URL('assets/', folder)).map((name) => `assets/${name}`)
const files = [...new Set([...first, ...names])].filter((name) => !/\.(br|gz)$/.test(name))
const sizeKb = (file) => {
  const compressed = new URL(`${file}.br`, folder)
  return statSync(existsSync(compressed) ? compressed : new URL(file, folder)).size / 1024
}
const sizes = files.map((file) => ({ file, kb: sizeKb(file), first: first.has(file) }))
const sum = (list) => list.reduce((total, one) => total + one.kb, 0)
const isCss = ({ file }) => file.endsWith('.css')

const measured = [
  ['first load: page, scripts, styles', sum(sizes.filter((one) => one.first)), BUDGET_KB['first load']],
  ['CSS, all of it', sum(sizes.filter(isCss)), BUDGET_KB.css],
  ...sizes
    .filter((one) => !one.first && !isCss(one))
    .toSorted((one, other) => other.kb - one.kb)
    .map((one) => [one.file.replace('assets/', 'lazy '), one.kb, BUDGET_KB.view]),
]
for (const [name, kb, budget] of measured) {
  console.log(
    `${name.padEnd(40)} ${kb.toFixed(1).padStart(7)} KB of ${budget} KB${kb > budget ? '  TOO LARGE' : ''}`,
  )
}
process.exitCode = measured.some(([, kb, budget]) => kb > budget) ? 1 : 0
