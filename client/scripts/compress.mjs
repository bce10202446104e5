// Lays a brotli and a gzip form beside each file of the build. The server sends them as they are, so that no answer
// waits for a compressor: `node scripts/compress.mjs`, after `vite build`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

/** A smaller file fits into a packet anyway. */
const FROM_BYTES = 1024
const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const files = ['index.html', ...readdirSync(`${dist}assets`).map((name) => `assets/${name}`)]

for (const file of files.filter((name) => /\.(html|js|css|svg)$/.test(name))) {
  const bytes = readFileSync(dist + file)
  if (bytes.length < FROM_BYTES) continue
  writeFileSync(
    `${dist}${file}.br`,
    brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
  )
  writeFileSync(`${dist}${file}.gz`, gzipSync(bytes, { level: 9 }))
}
