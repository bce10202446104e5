import { randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

function random(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
}

function base62(value: number): string {
  const digit = ALPHABET[value % 62] ?? ''
  return value < 62 ? digit : base62(Math.floor(value / 62)) + digit
}

/** A key as `python -m src.manage keys generate` prints one. */
export function generateKey(): string {
  const body = `frg_${random(8)}_${random(43)}`
  return body + base62(crc32(body)).padStart(6, '0')
}
