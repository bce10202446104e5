import { formatBytes } from '@/lib/format'
import { saveBlob, saveFrom } from '@/lib/saveText'
import { api, ProblemError, send, unwrap } from './client'

/** Until it is saved an export is held by the tab; larger ones are for programs, which send the key themselves. */
export const DOWNLOAD_BYTES_MAX = 512 * 1_024 ** 2
/** A link is used at once. */
const LINK_GOOD_FOR_S = 60
const REPORT = /^\/api\/reports\/([^/]+)$/

/** Download a file with the key of the tab: a link alone sends no header. */
export async function download(path: string): Promise<void> {
  const file = REPORT.exec(path)?.[1]
  return file === undefined ? downloadHere(path) : downloadReport(decodeURIComponent(file))
}

/** By a signed link, so that the browser itself receives the file, however large it is. */
async function downloadReport(file: string): Promise<void> {
  const params = { path: { file } }
  const body = { expires_in_s: LINK_GOOD_FOR_S }
  const { url } = await unwrap(api.POST('/api/reports/{file}/link', { params, body }))
  const { pathname, search } = new URL(url)
  // The server names itself as others see it; here it is where the page came from.
  saveFrom(pathname + search)
}

async function downloadHere(path: string): Promise<void> {
  const response = await send(new Request(new URL(path, location.origin)))
  if (!response.ok) throw new ProblemError(response, await response.json().catch(() => null))
  const size = Number(response.headers.get('Content-Length') ?? 0)
  if (size > DOWNLOAD_BYTES_MAX) {
    await response.body?.cancel()
    throw new Error(
      `This file has ${formatBytes(size)}; the page downloads up to ${formatBytes(DOWNLOAD_BYTES_MAX)}. Use curl, with the key as Authorization: Bearer.`,
    )
  }
  const name = nameIn(response.headers.get('Content-Disposition')) ?? path.split('/').at(-1)
  saveBlob(name || 'download', await response.blob())
}

/** The name that a response gives its file (RFC 6266), or null. */
export function nameIn(disposition: string | null): string | null {
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? '')?.[1]
  try {
    if (encoded) return decodeURIComponent(encoded)
  } catch {
    // Not what it says it is.
  }
  return /filename="([^"]+)"/i.exec(disposition ?? '')?.[1] ?? null
}
