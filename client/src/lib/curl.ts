export type HttpCall = {
  method: string
  url: string
  headers?: Record<string, string>
  body?: string
}

export function toCurl({ method, url, headers = {}, body }: HttpCall): string {
  const parts = [`curl -i ${method === 'GET' ? '' : `-X ${method} `}${quote(url)}`]
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quote(`${name}: ${value}`)}`)
  if (body !== undefined) parts.push(`-d ${quote(body)}`)
  return parts.join(' \\\n  ')
}

export function toPython({ method, url, headers = {}, body }: HttpCall): string {
  const lines = ['import httpx', '', 'answer = httpx.request(', `    ${JSON.stringify(method)},`]
  lines.push(`    ${JSON.stringify(url)},`)
  if (Object.keys(headers).length > 0) lines.push(`    headers=${JSON.stringify(headers)},`)
  if (body !== undefined) lines.push(`    content=${JSON.stringify(body)},`)
  return [...lines, ')', 'print(answer.status_code, answer.text)'].join('\n')
}

export function toJavaScript({ method, url, headers = {}, body }: HttpCall): string {
  const lines = [
    `const answer = await fetch(${JSON.stringify(url)}, {`,
    `  method: ${JSON.stringify(method)},`,
  ]
  if (Object.keys(headers).length > 0) lines.push(`  headers: ${JSON.stringify(headers)},`)
  if (body !== undefined) lines.push(`  body: ${JSON.stringify(body)},`)
  return [...lines, '})', 'console.log(answer.status, await answer.text())'].join('\n')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
