import { useEffect } from 'react'
import { lazyView } from '@/components/lazyView'

const CommandPalette = lazyView(() => import('./CommandPalette'), { height: 0 })

/** Every view, a search and the actions: Ctrl K or ⌘ K, wherever the focus is. */
export function Palette({ open, onOpen }: { open: boolean; onOpen: (open: boolean) => void }) {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return
      if (event.shiftKey || event.altKey) return
      event.preventDefault()
      onOpen(!open)
    }
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [open, onOpen])
  return open ? <CommandPalette onClose={() => onOpen(false)} /> : null
}
