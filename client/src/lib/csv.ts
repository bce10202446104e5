/** RFC 4180: quoted fields, doubled quotes, line breaks inside quotes. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let at = 0
  while (at < text.length) {
    const [field, end] = text[at] === '"' ? quoted(text, at) : plain(text, at)
    row.push(field)
    at = end
    if (text[at] === ',') {
      at += 1
      if (at === text.length) row.push('')
      continue
    }
    if (text[at] === '\r') at += 1
    if (text[at] === '\n') at += 1
    rows.push(row)
    row = []
  }
  if (row.length > 0) rows.push(row)
  return rows
}

function plain(text: string, start: number): [string, number] {
  let end = start
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end += 1
  return [text.slice(start, end), end]
}

function quoted(text: string, start: number): [string, number] {
  let end = start + 1
  while (end < text.length) {
    if (text[end] !== '"') end += 1
    else if (text[end + 1] === '"') end += 2
    else break
  }
  return [text.slice(start + 1, end).replaceAll('""', '"'), Math.min(end + 1, text.length)]
}

/** The rows of the first bytes of a file: the last one may be cut off and is left out. */
export function parseCsvHead(text: string): string[][] {
  return parseCsv(text.slice(0, text.lastIndexOf('\n') + 1))
}
