// Prints what the browser has to load, compressed, and fails above the budgets.
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BUDGET_KB = { initial: 180, css: 10, route: 50 }
const folder = new URL('../dist/', import.meta.url)
const html = readFileSync(new URL('index.html', folder), 'utf8')
const initial = new Set([...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((match) => match[1]))
const files = ['theme.js', ...readdirSync(new URL('assets/', folder)).map((name) => `assets/${name}`)]
const sizeKb = (file) => gzipSync(readFileSync(new URL(file, folder)), { level: 9 }).length / 1024
const sizes = files
  .filter((file) => /\.(js|css)$/.test(file))
  .map((file) => ({ file, kb: sizeKb(file), initial: initial.has(file) }))
const sum = (list) => list.reduce((total, one) => total + one.kb, 0)
const isCss = ({ file }) => file.endsWith('.css')

const measured = [
  ['initial JavaScript', sum(sizes.filter((one) => one.initial && !isCss(one))), BUDGET_KB.initial],
  ['CSS, all of it', sum(sizes.filter(isCss)), BUDGET_KB.css],
  ...sizes
    .filter((one) => !one.initial && !isCss(one))
    .toSorted((one, other) => other.kb - one.kb)
    .map((one) => [one.file.replace('assets/', 'lazy '), one.kb, BUDGET_KB.route]),
]
for (const [name, kb, budget] of measured) {
  console.log(
    `${name.padEnd(40)} ${kb.toFixed(1).padStart(7)} KB of ${budget} KB${kb > budget ? '  TOO LARGE' : ''}`,
  )
}
process.exitCode = measured.some(([, kb, budget]) => kb > budget) ? 1 : 0
