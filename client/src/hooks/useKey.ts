import { useEffect, useRef } from 'react'

/** Call `handler` for one key, unless it is typed into a field or belongs to an open dialog. */
export function useKey(key: string, handler: () => void, options: { inDialog?: boolean } = {}): void {
  const { inDialog = false } = options
  const latest = useRef(handler)
  useEffect(() => {
    latest.current = handler
  })
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key !== key || isTaken(event, inDialog)) return
      event.preventDefault()
      latest.current()
    }
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [key, inDialog])
}

export function isTaken(event: KeyboardEvent, inDialog = false): boolean {
  const target = event.target instanceof Element ? event.target : null
  const typing = target?.closest('input, textarea, select, [contenteditable]')
  const modified = event.ctrlKey || event.metaKey || event.altKey
  return (
    event.defaultPrevented ||
    modified ||
    Boolean(typing) ||
    (!inDialog && document.querySelector('dialog[open]') !== null)
  )
}
